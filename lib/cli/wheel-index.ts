import { LibTorchError } from '../errors.ts'
import { fetchText, shown } from './download.ts'

/** A wheel to download, with its expected checksum. */
export interface Wheel {
  url: URL
  sha256: string
}

/** PyTorch's own index of wheels for the CPU. */
export const PYTORCH_INDEX = 'https://download.pytorch.org/whl/cpu'

/** The checksums of the wheels that this version was tested with: an index with a different one is not trusted. */
const CHECKSUMS: Record<string, string> = {
  'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl':
    '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
}

/** The suffix of wheel names for this platform. */
function platformTag(): RegExp | undefined {
  const { platform, arch } = process
  if (platform === 'linux' && arch === 'x64') return /-manylinux_2_28_x86_64\.whl$/
  if (platform === 'linux' && arch === 'arm64') return /-manylinux_2_28_aarch64\.whl$/
  if (platform === 'darwin' && arch === 'arm64') return /-macosx_\d+_\d+_arm64\.whl$/
  if (platform === 'win32' && arch === 'x64') return /-win_amd64\.whl$/
  return undefined
}

/**
 * The wheel of PyTorch for this platform's CPU in an index of Python packages. LibTorch is the same in the wheels for
 * all Python versions: the one with a known checksum is preferred.
 *
 * @see https://packaging.python.org/en/latest/specifications/simple-repository-api
 * @throws {LibTorchError} if the index cannot be read, or has no such wheel with a SHA-256.
 */
export async function findWheel(index: string, version: string): Promise<Wheel> {
  const tag = platformTag()
  if (tag === undefined) {
    throw new LibTorchError(`PyTorch has no wheels for ${process.platform}-${process.arch}.`)
  }
  const page = new URL(`${index.replace(/\/$/, '')}/torch/`)
  const wheels: { name: string; url: URL; sha256: string }[] = []
  for (const [, href = ''] of (await fetchText(page)).matchAll(/<a\s[^>]*?href="([^"]+)"/g)) {
    const link = href.replaceAll('&amp;', '&')
    if (!URL.canParse(link, page.href)) continue
    const url = new URL(link, page)
    const name = decodeURIComponent(url.pathname.split('/').at(-1) ?? '')
    const sha256 = /^#sha256=([0-9a-f]{64})$/.exec(url.hash)?.[1]
    const fits = name.startsWith(`torch-${version}-cp`) || name.startsWith(`torch-${version}+cpu-cp`)
    if (!fits || !tag.test(name) || sha256 === undefined) continue
    url.hash = ''
    wheels.push({ name, url, sha256 })
  }
  const wheel = wheels.find(({ name }) => name in CHECKSUMS) ?? wheels[0]
  if (wheel === undefined) {
    throw new LibTorchError(`${shown(page)} has no wheel of torch ${version} for this platform with a checksum.`)
  }
  const known = CHECKSUMS[wheel.name]
  if (known !== undefined && known !== wheel.sha256) {
    throw new LibTorchError(
      `${shown(page)} has a different ${wheel.name} from the one that PyTorch published.\n  known: ${known}\n  there: ${wheel.sha256}`,
    )
  }
  return wheel
}
