import '../native/here.cjs'
import '../tensor/extensions.ts'

export { type Checkpoint, type LoadOptions, load, loadSync } from './checkpoint.ts'
export type { Header, TensorInfo } from './header.ts'
export {
  type LoadModuleOptions,
  loadModule,
  loadModuleSync,
  saveModule,
  saveModuleSync,
} from './module.ts'
export type { Saveable } from './pickler.ts'
export {
  type LoadFileOptions,
  loadFile,
  loadFileSync,
  readHeader,
  readHeaderSync,
  type SaveFileOptions,
  saveFile,
  saveFileSync,
} from './safetensors.ts'
export { save, saveSync } from './save.ts'
