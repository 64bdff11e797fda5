"""Walking, adding and editing latents: functions of any generator."""
