// The example of a service: its page in a real browser, its paths, and its sessions in Redis.
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RedisStore } from '../../examples/service/redis-store.ts'
import { makeService } from '../../examples/service/service.ts'
import { trainModel } from '../../examples/service/train.ts'
import { serve } from '../../lib/serve/index.ts'
import { CHROMIUM, isWithoutBrowser } from '../support/browser.ts'
import { temporaryFolder } from '../support/folder.ts'

/** Runs in the page: how many pixels of the canvas have the colours of the lines. */
const COLORS = `(() => {
  const canvas = document.querySelector('canvas')
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const counts = { blue: 0, red: 0 }
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 255) continue
    if (data[i] === 0x1f && data[i + 2] === 0xa8) counts.blue += 1
    if (data[i] === 0xd1 && data[i + 2] === 0x5b) counts.red += 1
  }
  return counts
})()`

const file = join(temporaryFolder(afterAll), 'machine.safetensors')
beforeAll(() => trainModel(file), 120_000)

async function started(): Promise<{ url: string; close: () => Promise<void> }> {
  const { app, server } = await makeService(file, { interval: 20, logger: false })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const close = async (): Promise<void> => {
    app.server.closeAllConnections()
    await app.close()
    await server.close()
  }
  return { url: `http://127.0.0.1:${port}`, close }
}

describe.skipIf(isWithoutBrowser)('in Chromium, which is not installed here if this is skipped', () => {
  test('the page draws measurements and forecasts that are better than repeating the last value', async () => {
    const { url, close } = await started()
    const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] })
    try {
      const page = await browser.newPage()
      const failures: string[] = []
      page.on('pageerror', ({ message }) => failures.push(message))
      await page.goto(url)
      await page.waitForFunction(`Number(document.querySelector('#count').textContent) >= 150`)
      const text = async (id: string): Promise<string> => (await page.textContent(`#${id}`)) ?? ''
      expect(await text('connection')).toBe('open')
      const error = Number.parseFloat(await text('error'))
      const naive = Number.parseFloat(await text('naive'))
      expect(error).toBeGreaterThan(0)
      expect(error).toBeLessThan(naive / 2)
      // Both lines are there, in their colours.
      const colors = (await page.evaluate(COLORS)) as { blue: number; red: number }
      expect(colors.blue).toBeGreaterThan(500)
      expect(colors.red).toBeGreaterThan(50)
      await close()
      await page.waitForFunction(`document.querySelector('#connection').textContent.startsWith('lost')`)
      expect(failures).toEqual([])
    } finally {
      await browser.close()
      await close()
    }
  })
})

test('the model has its paths under /api', async () => {
  const { url, close } = await started()
  const response = await fetch(`${url}/api/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ x: Array.from({ length: 64 }, (_, t) => 60 + 10 * Math.sin((2 * Math.PI * t) / 40)) }),
  })
  const { y } = (await response.json()) as { y: number[][] }
  expect(y).toHaveLength(12)
  // In °C.
  for (const [value] of y) expect(Math.abs((value as number) - 60)).toBeLessThan(25)
  expect(await (await fetch(`${url}/api/metrics`)).text()).toContain('libtorch_rnn_steps_total{model="machine"')
  await close()
})

test('a session goes on from Redis in another process', async () => {
  const table = new Map<string, { value: Buffer; ms: number }>()
  const client = {
    getBuffer: async (key: string) => table.get(key)?.value ?? null,
    set: async (key: string, value: Buffer, _: 'PX', ms: number) =>
      void table.set(key, { value: Buffer.from(value), ms }),
    del: async (key: string) => table.delete(key),
  }
  const store = new RedisStore(client, 'machine:', 1000)
  const whole = await serve(file)
  const reference = whole.session('a')
  const wanted = [await reference.step([60]), await reference.step([65]), await reference.step([70])]
  await whole.close()
  const first = await serve(file, { sessions: { store } })
  expect(await first.session('a').step([60])).toEqual(wanted[0])
  expect(await first.session('a').step([65])).toEqual(wanted[1])
  await first.close()
  expect([...table].map(([key, { ms }]) => [key, ms])).toEqual([['machine:a', 1000]])
  const second = await serve(file, { sessions: { store } })
  expect(await second.session('a').step([70])).toEqual(wanted[2])
  await second.session('a').close()
  expect(table.size).toBe(0)
  await second.close()
})
