import { libraryName } from '../../lib/native/layout.ts'

/** The files of a fake LibTorch, which can be found but not loaded. */
export function fakeLibTorch(version: string, { cuda = false, root = 'torch' } = {}): Record<string, string> {
  return {
    [`${root}/version.py`]: `__version__ = '${version}'\n`,
    [`${root}/lib/${libraryName('torch_cpu')}`]: 'not a library',
    [`${root}/lib/${libraryName('c10')}`]: 'not a library',
    ...(cuda ? { [`${root}/lib/${libraryName('torch_cuda')}`]: 'not a library' } : {}),
  }
}
