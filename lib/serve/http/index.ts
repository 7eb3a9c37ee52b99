import '../../native/here.cjs'
import '../../tensor/extensions.ts'

export { type ServeAppOptions, serveApp } from './app.ts'
export type { ServePluginOptions } from './options.ts'
export { servePlugin } from './plugin.ts'
export { closeOnSignal, type ShutdownOptions } from './shutdown.ts'
export { type Failure, STATUS } from './status.ts'
