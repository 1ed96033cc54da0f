"""What a store does as the copy of an Okapi: it takes over what that Okapi says, without the checks of a registry."""
