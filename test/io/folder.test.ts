import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { makeFolder, makeFolderSync } from '../../lib/io/folder.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { checkpoint, csvLogger, Trainer, tensorBoard } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

test('a folder is made with those that it lies in, once', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'a', 'b', 'c')
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(folder, 'a', 'd'))])
  expect(statSync(path).isDirectory()).toBe(true)
  await makeFolder(path)
  mkdirSync(join(folder, 'real'))
  symlinkSync(join(folder, 'real'), join(folder, 'link'))
  await makeFolder(join(folder, 'link', 'inner'))
  expect(statSync(join(folder, 'real', 'inner')).isDirectory()).toBe(true)
  makeFolderSync(join(folder, 'e', 'f'))
  makeFolderSync(join(folder, 'e', 'f'))
  expect(statSync(join(folder, 'e', 'f')).isDirectory()).toBe(true)
  await makeFolder(join(folder, 'own', 'inner'), 0o700)
  if (process.platform === 'win32') return
  for (const name of ['own', join('own', 'inner')]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o700)
})

test('a file in the place of a folder is an error', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeFolder(join(folder, 'file', 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  await expect(makeFolder('')).rejects.toMatchObject({ code: 'ENOENT' })
  expect(() => makeFolderSync(join(folder, 'file'))).toThrow('EEXIST')
  expect(() => makeFolderSync(join(folder, 'file', 'a', 'b'))).toThrow('ENOTDIR')
})

test.runIf(process.platform === 'linux')('a folder in which none can be made is an error, not a wait', async () => {
  await expect(makeFolder('/proc/x/y')).rejects.toMatchObject({ code: 'ENOENT' })
  expect(() => makeFolderSync('/proc/x/y')).toThrow('ENOENT')
  const x = torch.ones([2, 2, 1])
  for (const callback of [checkpoint('/proc/x'), csvLogger('/proc/x/log.csv'), tensorBoard('/proc/x')]) {
    const trainer = new Trainer(new GRUModel(1, 2, 1), { progress: false, epochs: 1, callbacks: [callback] })
    await expectRejection(trainer.fit([x, x]), 'ERR_TORCH_FILE', '/proc/x')
  }
})
