import '../../native/here.cjs'
import '../../tensor/extensions.ts'

export { SWALR, type SWALROptions } from './swa-lr.ts'
