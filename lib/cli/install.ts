import type { LibTorch } from '../native/layout.ts'
export async function install(): Promise<LibTorch> {
  throw new Error('not yet')
}
