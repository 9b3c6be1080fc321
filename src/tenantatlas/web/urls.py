"""Every page's address. A tenant's pages live under /t/<slug>/."""

from __future__ import annotations

from django.urls import include, path

from .pages import (
    backups,
    connection,
    dashboard,
    drift,
    notifications,
    policies,
    preferences,
    restore,
    runs,
    session,
    tenants,
)

tenant_pages = [
    path("", dashboard.dashboard, name="dashboard"),
    path("runs/", runs.run_list, name="run_list"),
    path("runs/<int:run_id>/", runs.run_detail, name="run_detail"),
    path("runs/<int:run_id>/live/", runs.run_live, name="run_live"),
    path("runs/<int:run_id>/cancel/", runs.run_cancel, name="run_cancel"),
    path("runs/<int:run_id>/retry/", runs.run_retry, name="run_retry"),
    path("policies/", policies.policy_list, name="policy_list"),
    path("policies/sync/", policies.start_sync, name="start_sync"),
    path("policies/backup/", policies.start_backup, name="start_backup"),
    path("policies/<int:policy_id>/", policies.policy_detail, name="policy_detail"),
    path("policies/<int:policy_id>/diff/", policies.policy_diff, name="policy_diff"),
    path(
        "policies/<int:policy_id>/versions/<int:version_id>/", policies.version_detail, name="version_detail"
    ),
    path("backup-sets/", backups.set_list, name="set_list"),
    path("backup-sets/<int:set_id>/", backups.set_detail, name="set_detail"),
    path("backup-sets/<int:set_id>/keep/", backups.set_keep, name="set_keep"),
    path("backup-sets/<int:set_id>/delete/", backups.set_delete, name="set_delete"),
    path("backup-sets/<int:set_id>/verify/", backups.set_verify, name="set_verify"),
    path("backup-sets/<int:set_id>/export/", backups.set_export, name="set_export"),
    path("backup-sets/<int:set_id>/download/", backups.set_download, name="set_download"),
    path("restore/", restore.restore_list, name="restore_list"),
    path("restore/new/", restore.restore_source, name="restore_source"),
    path("restore/<int:restore_id>/", restore.restore_detail, name="restore_detail"),
    path("restore/<int:restore_id>/policies/", restore.restore_policies, name="restore_policies"),
    path("restore/<int:restore_id>/options/", restore.restore_options, name="restore_options"),
    path("restore/<int:restore_id>/preview/", restore.restore_preview, name="restore_preview"),
    path("restore/<int:restore_id>/mapping/", restore.restore_mapping, name="restore_mapping"),
    path("restore/<int:restore_id>/review/", restore.restore_review, name="restore_review"),
    path("restore/<int:restore_id>/execute/", restore.restore_execute, name="restore_execute"),
    path("drift/", drift.drift, name="drift"),
    path("drift/start/", drift.start_drift, name="start_drift"),
    path("drift/<int:run_id>/", drift.drift_report, name="drift_report"),
    path("connection/", connection.connection, name="connection"),
    path("connection/check/", connection.start_check, name="start_check"),
    path("directory/sync/", connection.start_directory_sync, name="start_directory_sync"),
]

urlpatterns = [
    path("", session.home, name="home"),
    path("sign-in/", session.sign_in, name="sign_in"),
    path("sign-out/", session.sign_out, name="sign_out"),
    path("theme/", session.theme, name="theme"),
    path("tenants/", tenants.tenant_list, name="tenant_list"),
    path("me/columns/", preferences.view_columns, name="view_columns"),
    path("notifications/", notifications.notification_list, name="notification_list"),
    path("notifications/bell/", notifications.bell, name="bell"),
    path("notifications/read/", notifications.mark_read, name="notifications_read"),
    path("t/<slug:slug>/", include(tenant_pages)),
]
