"""The demo: `premises` furnishes a throw-away gateway, `scenario` plays its suppliers, `story` tells what happened."""
