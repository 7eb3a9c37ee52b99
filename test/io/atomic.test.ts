// What saveFile leaves on the disk when something goes wrong: the former file or the new one, and nothing else.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { io, nn, optim, torch } from '../../lib/index.ts'
import { copyFile } from '../../lib/io/atomic.ts'
import { run, runSync } from '../../lib/io/coroutine.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

const INDEX = new URL('../../dist/index.js', import.meta.url).href
const { loadFileSync, saveFile, saveFileSync } = io

test('an error leaves the former file and no other', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'x')
  const large = torch.ones([1 << 22])
  await saveFile({ x: torch.ones([1]) }, path)
  const former = readFileSync(path)
  for (const [change, code] of [
    [(x: typeof large) => x.add_(1), 'ERR_TORCH_VALUE'],
    [(x: typeof large) => void torch.offload(() => void x.add_(1)), 'ERR_TORCH_VALUE'],
    [(x: typeof large) => x.dispose(), 'ERR_TORCH_DISPOSED'],
  ] as const) {
    const x = large.clone()
    const saved = saveFile({ x }, path)
    change(x)
    await expectRejection(saved, code, /changed while it was written|disposed/)
    expect(readFileSync(path).equals(former)).toBe(true)
    expect(readdirSync(folder)).toEqual(['x'])
  }
})

test('a step of an optimizer in the middle is noticed', async () => {
  const path = join(temporaryFolder(), 'x')
  const model = new nn.Linear(64, 64)
  const optimizer = new optim.Adam(model.parameters())
  model
    .forward(torch.ones([1, 64]))
    .sum()
    .backward()
  const saved = saveFile(model.stateDict(), path)
  optimizer.step()
  await expectRejection(saved, 'ERR_TORCH_VALUE', "'bias' was changed while it was written. Await saveFile")
  await saveFile(model.stateDict(), path)
  expect(loadFileSync(path).weight?.equal(model.weight)).toBe(true)
})

test('places that cannot be written to', async () => {
  const folder = temporaryFolder()
  const x = torch.ones([1])
  await expectRejection(saveFile({ x }, join(folder, 'no', 'x')), 'ERR_TORCH_FILE', 'saveFile: ENOENT')
  expectError(() => saveFileSync({ x }, folder), 'ERR_TORCH_FILE', 'is not a regular file')
  expectError(() => saveFileSync({ x }, '/dev/null'), 'ERR_TORCH_FILE', 'is not a regular file')
  expectError(() => saveFileSync({ x }, {} as never), 'ERR_TORCH_TYPE', 'path must be a string or a file: URL')
  expect(readdirSync(folder)).toEqual([])
})

test.skipIf(process.platform === 'win32')('follows symbolic links, and keeps the mode of the file', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'real'))
  const [real, link] = [join(folder, 'real', 'x'), join(folder, 'x')]
  writeFileSync(real, 'former', { mode: 0o600 })
  symlinkSync(real, link)
  await saveFile({ x: torch.ones([1]) }, link)
  expect(realpathSync(link)).toBe(real)
  expect(statSync(real).mode & 0o777).toBe(0o600)
  expect(loadFileSync(real).x?.item()).toBe(1)
  expect(readdirSync(join(folder, 'real'))).toEqual(['x'])
})

const SAVE = `
  import { io, torch } from '${INDEX}'
  const x = torch.ones([1 << 23])
  console.log('ready')
  for (;;) await io.saveFile({ x }, process.argv[1])`

test.skipIf(process.platform === 'win32')('a disk that is full leaves the former file', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'x')
  saveFileSync({ x: torch.zeros([1]) }, path)
  const former = readFileSync(path)
  const code = `import { io, torch } from '${INDEX}'
    const x = torch.ones([1 << 20])
    const codes = []
    await io.saveFile({ x }, process.argv[1]).catch((error) => codes.push(error.code, error.cause.code))
    try { io.saveFileSync({ x }, process.argv[1]) } catch (error) { codes.push(error.code) }
    console.log(codes.join())`
  // A limit on the size of files is what comes nearest.
  const shell = `trap '' XFSZ; ulimit -f 2048; exec "$0" --input-type=module -e "$1" "$2"`
  const output = execFileSync('sh', ['-c', shell, process.execPath, code, path], { encoding: 'utf8' })
  expect(output).toBe('ERR_TORCH_FILE,EFBIG,ERR_TORCH_FILE\n')
  expect(readFileSync(path).equals(former)).toBe(true)
  expect(readdirSync(folder)).toEqual(['x'])
})

/** A process that saves `path` again and again, once it has begun to. */
async function startSaving(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SAVE, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout as Readable, 'data')
  while (temporaryFiles(path).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  return child
}

/** What lies beside `path`. */
function temporaryFiles(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name !== basename(path))
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

test('processes that are killed leave the former file, and the next save removes what they left', async () => {
  const path = join(temporaryFolder(), 'x')
  saveFileSync({ x: torch.zeros([1]) }, path)
  let left = 0
  for (let i = 0; i < 3; i++) {
    await end(await startSaving(path), 'SIGKILL')
    expect([1, 1 << 23]).toContain(loadFileSync(path).x?.numel)
    left += temporaryFiles(path).length
    // Where locks are not known, an hour must pass.
    if (process.platform !== 'linux')
      for (const name of temporaryFiles(path)) utimesSync(join(dirname(path), name), 0, 0)
    await saveFile({ x: torch.zeros([1]) }, path)
    expect(temporaryFiles(path)).toEqual([])
    expect(loadFileSync(path).x?.numel).toBe(1)
  }
  expect(left).toBeGreaterThan(0)
})

/** Stops a process, all of its threads, while it writes. */
async function stopSaving(child: ChildProcess, path: string): Promise<void> {
  const tasks = `/proc/${child.pid}/task`
  const isStopped = (task: string): boolean => /\) T /.test(readFileSync(join(tasks, task, 'stat'), 'utf8'))
  for (;;) {
    child.kill('SIGSTOP')
    while (!readdirSync(tasks).every(isStopped)) await new Promise((resolve) => setTimeout(resolve, 5))
    // One that is empty may not be locked yet: if it is taken for abandoned, its process makes another.
    if (temporaryFiles(path).some((name) => statSync(join(dirname(path), name)).size > 0)) return
    child.kill('SIGCONT')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test.skipIf(process.platform !== 'linux')('what a process writes that stands still is left alone', async () => {
  const path = join(temporaryFolder(), 'x')
  const child = await startSaving(path)
  await stopSaving(child, path)
  const started = temporaryFiles(path)
  for (const name of started) utimesSync(join(dirname(path), name), 0, 0)
  const other = join(dirname(path), 'y')
  saveFileSync({ y: torch.zeros([1]) }, other)
  await saveFile({ y: torch.zeros([1]) }, other)
  expect(temporaryFiles(path).filter((name) => name !== 'y')).toEqual(started)
  child.kill('SIGCONT')
  while (started.some((name) => temporaryFiles(path).includes(name))) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(loadFileSync(path).x?.numel).toBe(1 << 23)
  await end(child, 'SIGKILL')
})

test('what another machine may be writing is left alone for an hour', () => {
  const folder = temporaryFolder()
  const boot = '0123456789abcdef0123456789abcdef'
  const other = join(folder, `.libtorch-rnn-${boot}-1.tmp`)
  const former = join(folder, '.libtorch-rnn-4711-ab.tmp')
  for (const path of [other, former, join(folder, '.libtorch-rnn-no')]) writeFileSync(path, '')
  saveFileSync({ x: torch.zeros([1]) }, join(folder, 'x'))
  expect(readdirSync(folder)).toHaveLength(4)
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), 0, 0)
  saveFileSync({ x: torch.zeros([1]) }, join(folder, 'x'))
  expect(readdirSync(folder).sort()).toEqual(['.libtorch-rnn-no', 'x'])
})

test('two processes that save at the same time do not remove what the other writes', async () => {
  const path = join(temporaryFolder(), 'x')
  const child = await startSaving(path)
  for (let i = 0; i < 40; i++) await saveFile({ y: torch.full([1 << 16], i) }, join(dirname(path), 'y'))
  expect(child.exitCode).toBe(null)
  expect(
    loadFileSync(join(dirname(path), 'y'))
      .y?.max()
      .item(),
  ).toBe(39)
  await end(child, 'SIGKILL')
})

test('a process that exits in the middle removes its temporary file', () => {
  const folder = temporaryFolder()
  const code = `${SAVE.replace('for (;;) await', '')}
    const { readdirSync } = await import('node:fs')
    while (readdirSync(${JSON.stringify(folder)}).length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    process.exit(3)`
  expect(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', code, join(folder, 'x')], { stdio: 'pipe' }),
  ).toThrow(expect.objectContaining({ status: 3 }))
  expect(readdirSync(folder).filter((name) => name !== 'x')).toEqual([])
})

test('saves at the same time do not mix', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'x')
  await Promise.all([1, 2, 3, 4].map((n) => saveFile({ x: torch.full([1 << 20], n) }, path)))
  const x = loadFileSync(path).x
  expect(x?.min().item()).toBe(x?.max().item())
  expect(readdirSync(folder)).toEqual(['x'])
})

test('a copy is a file of its own, or an error that leaves the former file', async () => {
  const folder = temporaryFolder()
  const [from, to] = [join(folder, 'from'), join(folder, 'to')]
  for (const size of [0, 1, 1 << 20, 2_500_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * i) % 251)
    writeFileSync(from, bytes)
    await run(copyFile('save', from, to))
    expect(readFileSync(to).equals(bytes)).toBe(true)
    writeFileSync(from, 'other')
    runSync(copyFile('save', from, join(folder, 'again')))
    expect(readFileSync(to).equals(bytes)).toBe(true)
    expect(readFileSync(join(folder, 'again'), 'utf8')).toBe('other')
  }
  const former = readFileSync(to)
  await expectRejection(run(copyFile('save', join(folder, 'no'), to)), 'ERR_TORCH_FILE', 'save: ENOENT')
  await expectRejection(run(copyFile('save', from, join(folder, 'no', 'to'))), 'ERR_TORCH_FILE', 'save: ENOENT')
  expect(readFileSync(to).equals(former)).toBe(true)
  expect(readdirSync(folder).sort()).toEqual(['again', 'from', 'to'])
})
