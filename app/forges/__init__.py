"""Git forges: what Headwater asks them and tells them (see `ports.Forge`)."""
