"""How a delivery leaves the house: one file a carrier, all behind the same two steps, pack and carry."""
