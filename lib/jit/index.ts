export { load, loadSync, type ScriptLoadOptions } from './load.ts'
export { ScriptModule } from './script.ts'
export type { ScriptValue } from './value.ts'
