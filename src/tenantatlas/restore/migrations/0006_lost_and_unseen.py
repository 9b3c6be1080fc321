from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("restore", "0005_late_twins"),
    ]

    operations = [
        migrations.AlterField(
            model_name="writerecord",
            name="result",
            field=models.CharField(
                blank=True,
                choices=[
                    ("applied", "Applied"),
                    ("refused", "Refused"),
                    ("again", "Not applied, to be sent again"),
                    ("needless", "Not needed"),
                    ("adopted", "Found again and taken over"),
                    ("absent", "Not applied"),
                    ("ambiguous", "Several could be it"),
                    ("unseen", "Could not be looked for"),
                ],
                max_length=10,
            ),
        ),
    ]
