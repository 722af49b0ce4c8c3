"""What an analyst sees."""
