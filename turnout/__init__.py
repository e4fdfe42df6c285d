"""What starts, shows and explains; nothing that a guarantee rests on lives here."""
