"""`python -m okapi_install` is the command `okapi-install`."""

from okapi_install.cli.main import main

if __name__ == "__main__":
    main(prog_name="okapi-install")
