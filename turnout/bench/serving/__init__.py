"""The suite `serving`: requests a second through what Turnout configures, and what others do."""
