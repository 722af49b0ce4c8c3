"""What an audit can be given: files, folders, archives, lists of files, addresses; videos among any of them."""
