// Gives tensors all of their methods. Each entry point of the package loads it.
import './conversion.ts'
import './gradient.ts'
import './indexing.ts'
import './methods.ts'
import './print.ts'
import './view.ts'
