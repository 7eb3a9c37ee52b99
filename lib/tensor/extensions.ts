// Adds all methods to tensors. Each entry point of the package imports it.
import './conversion.ts'
import './gradient.ts'
import './indexing.ts'
import './methods.ts'
import './print.ts'
import './view.ts'
