package models

// All returns one device of every model, each on a handle of its own.
func All() []*Device {
	return []*Device{ICE(), MLX5(), BNXT(), NFP(), Ionic(), Netdevsim(), MLXSW()}
}
