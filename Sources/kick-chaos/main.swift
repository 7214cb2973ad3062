print("there is nothing here yet")
