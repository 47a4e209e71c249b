"""Who sent this? One file per scheme; the signing halves live beside the verifying ones."""
