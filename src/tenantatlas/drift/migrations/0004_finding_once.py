from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("drift", "0003_one_row_per_fingerprint")]

    operations = [
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.UniqueConstraint(fields=("tenant", "fingerprint"), name="finding_once"),
        ),
    ]
