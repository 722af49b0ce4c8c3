"""What an audit can be given: files, folders, archives, lists of files; videos among any of them."""
