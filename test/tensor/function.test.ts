import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../lib/errors.ts'
import type { FunctionContext } from '../../lib/tensor/function.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const AutogradFunction = torch.autograd.Function

class Cube extends AutogradFunction {
  static forward(ctx: FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x)
    return x.pow(3)
  }
  static backward(ctx: FunctionContext, gradOutput: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor]
    return gradOutput.mul(x.pow(2)).mul(3)
  }
}

/** x e^y, by its output, and y of no use; times a number. */
class Growth extends AutogradFunction {
  static forward(ctx: FunctionContext & { scale?: number }, x: Tensor, y: Tensor, scale: number): Tensor[] {
    const result = x.mul(y.exp()).mul(scale)
    ctx.scale = scale
    ctx.saveForBackward(y, null, result)
    return [result, y.mul(2)]
  }
  static backward(ctx: FunctionContext & { scale?: number }, first: Tensor, second: Tensor): (Tensor | null)[] {
    const [y, none, result] = ctx.savedTensors as [Tensor, null, Tensor]
    expect(none).toBe(null)
    return [first.mul(y.exp()).mul(ctx.scale as number), first.mul(result).add(second.mul(2)), null]
  }
}

const leaf = (values: number[]): Tensor => torch.tensor(values, { dtype: 'float64', requiresGrad: true })

describe('a function with a backward of its own', () => {
  test('computes, and is differentiated', () => {
    const x = leaf([1, -2])
    const y = Cube.apply(x)
    expect([y.toArray(), y.requiresGrad, y.isLeaf, y.gradFn]).toEqual([[1, -8], true, false, 'CubeBackward'])
    y.mul(2).sum().backward()
    expect(x.grad?.toArray()).toEqual([6, 24])
  })

  test('of several inputs and outputs, with numbers among them', () => {
    const [x, y] = [leaf([1, 2]), leaf([0, 0.5])]
    const [first, second] = Growth.apply(x, y, 3) as [Tensor, Tensor]
    expect(first.gradFn).toBe('GrowthBackward')
    const [dx, dy] = torch.autograd.grad(first.sum().add(second.sum()), [x, y])
    const factor = y.exp().mul(3)
    expect(dx?.allclose(factor)).toBe(true)
    expect(dy?.allclose(x.mul(factor).add(2))).toBe(true)
  })

  test('has the right derivatives, also of second order', () => {
    expect(torch.autograd.gradcheck((x) => Cube.apply(x), leaf([0.5, -1.5, 2]))).toBe(true)
    expect(torch.autograd.gradgradcheck((x) => Cube.apply(x), leaf([0.5, -1.5, 2]))).toBe(true)
    const both = [leaf([0.5, -1.5]), leaf([0.25, 1])]
    expect(torch.autograd.gradgradcheck((x, y) => Growth.apply(x as Tensor, y as Tensor, 3), both)).toBe(true)
    const x = leaf([2])
    const [dx] = torch.autograd.grad(Cube.apply(x).sum(), x, { createGraph: true })
    const [ddx] = torch.autograd.grad((dx as Tensor).sum(), x)
    expect(ddx?.toArray()).toEqual([12])
  })

  test('records nothing without a need for gradients', () => {
    expect(Cube.apply(torch.tensor([2])).requiresGrad).toBe(false)
    expect(torch.noGrad(() => Cube.apply(leaf([2]))).gradFn).toBe(null)
  })

  test('knows which inputs need gradients', () => {
    const seen: (readonly boolean[])[] = []
    class Sum extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor, y: Tensor, _: string): Tensor {
        seen.push(ctx.needsInputGrad)
        expect(torch.isGradEnabled()).toBe(false)
        return x.add(y)
      }
      static backward(ctx: FunctionContext, gradOutput: Tensor): (Tensor | null)[] {
        seen.push(ctx.needsInputGrad)
        expect(torch.isGradEnabled()).toBe(false)
        return [ctx.needsInputGrad[0] ? gradOutput : null, null, null]
      }
    }
    const x = leaf([1])
    Sum.apply(x, torch.zeros([1], { dtype: 'float64' }), 'name').backward()
    expect(seen).toEqual([
      [true, false, false],
      [true, false, false],
    ])
    expect(x.grad?.item()).toBe(1)
  })

  test('has outputs without gradients', () => {
    class Sorted extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor[] {
        const [values, positions] = x.sort()
        ctx.markNonDifferentiable(positions)
        ctx.saveForBackward(positions)
        return [values, positions]
      }
      static backward(ctx: FunctionContext, gradOutput: Tensor): Tensor {
        const [positions] = ctx.savedTensors as [Tensor]
        return torch.zerosLike(gradOutput).scatter(0, positions, gradOutput)
      }
    }
    const x = leaf([3, 1, 2])
    const [values, positions] = Sorted.apply(x) as [Tensor, Tensor]
    expect([values.requiresGrad, positions.requiresGrad, positions.dtype]).toEqual([true, false, 'int64'])
    values
      .mul(torch.tensor([1, 2, 3]))
      .sum()
      .backward()
    expect(x.grad?.toArray()).toEqual([3, 1, 2])
  })

  test.each([
    [true, [2, 1, 1]],
    [false, [null, 1]],
  ])('gets zeros for gradients of what nothing depends on: %j', (materialize, expected) => {
    const seen: unknown[] = []
    class Two extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor[] {
        ctx.setMaterializeGrads(materialize)
        return [x.mul(2), x.mul(3)]
      }
      static backward(_: FunctionContext, first: Tensor | null, second: Tensor): Tensor {
        seen.push(first === null ? null : first.sum().item() === 0 ? 2 : 0, second.sum().item())
        if (first !== null) seen.push(first.numel)
        return second.mul(3)
      }
    }
    const x = leaf([1])
    ;(Two.apply(x)[1] as Tensor).sum().backward()
    expect(seen).toEqual(expected)
    expect(x.grad?.item()).toBe(3)
  })

  test('may return its input, or a view of it', () => {
    class Reversed extends AutogradFunction {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x
      }
      static backward(_: FunctionContext, gradOutput: Tensor): Tensor {
        return gradOutput.neg()
      }
    }
    const x = leaf([1, 2])
    const y = Reversed.apply(x)
    expect(y).not.toBe(x)
    y.sum().backward()
    expect([x.grad?.toArray(), x.isLeaf, y.gradFn]).toEqual([[-1, -1], true, 'ReversedBackward'])
  })

  test('takes inputs that forward changes in place', () => {
    class Doubled extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        ctx.markDirty(x)
        return x.mul_(2)
      }
      static backward(_: FunctionContext, gradOutput: Tensor): Tensor {
        return gradOutput.mul(2)
      }
    }
    const x = leaf([1, 3])
    const y = x.mul(1)
    expect(Doubled.apply(y)).toBe(y)
    expect(y.gradFn).toBe('DoubledBackward')
    y.pow(2).sum().backward()
    // (2 x)², whose derivative is 8 x.
    expect([y.detach().toArray(), x.grad?.toArray()]).toEqual([
      [2, 6],
      [8, 24],
    ])
    const used = leaf([1]).exp()
    const square = used.pow(2)
    Doubled.apply(used)
    expectError(() => square.backward(), 'ERR_TORCH_AUTOGRAD', /modified by an inplace operation/)
    const plain = torch.ones([2])
    expect(Doubled.apply(plain)).toBe(plain)
    expect(plain.toArray()).toEqual([2, 2])
  })

  test('may run backward within backward', () => {
    class Checkpoint extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        ctx.saveForBackward(x)
        return Cube.apply(x)
      }
      static backward(ctx: FunctionContext, gradOutput: Tensor): Tensor {
        const again = (ctx.savedTensors[0] as Tensor).detach().requiresGrad_()
        torch.enableGrad(() => Cube.apply(again)).backward(gradOutput)
        return again.grad as Tensor
      }
    }
    const x = leaf([2])
    Checkpoint.apply(x).backward()
    expect(x.grad?.toArray()).toEqual([12])
  })
})

describe('what cannot work is told', () => {
  test('an error of backward is the one that was thrown', () => {
    const own = new RangeError('mine')
    class Failing extends AutogradFunction {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2)
      }
      static backward(): Tensor {
        throw own
      }
    }
    const x = leaf([1])
    let thrown: unknown
    try {
      Failing.apply(x).mul(2).sum().backward()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(own)
    // Autograd goes on.
    Cube.apply(x).backward()
    expect(x.grad?.item()).toBe(3)
  })

  test('an error of an operation in backward', () => {
    class Failing extends AutogradFunction {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2)
      }
      static backward(_: FunctionContext, gradOutput: Tensor): Tensor {
        return gradOutput.add(torch.zeros([7]))
      }
    }
    expectError(
      () =>
        Failing.apply(leaf([1, 2]))
          .sum()
          .backward(),
      'ERR_TORCH_SHAPE',
      /^add: The size of tensor a/,
    )
  })

  test.each<[string, unknown, ErrorCode, RegExp]>([
    [
      'too few',
      [],
      'ERR_TORCH_AUTOGRAD',
      /Wrong.backward returned an incorrect number of gradients \(expected 2, got 0\)/,
    ],
    ['no tensor', [1, null], 'ERR_TORCH_TYPE', /must return a Tensor or null for each argument of forward, got 1/],
    ['a promise', Promise.resolve(), 'ERR_TORCH_TYPE', /it cannot be async/],
    ['one for a number', [torch.ones([2]), torch.ones([2])], 'ERR_TORCH_AUTOGRAD', /at position 1, but the argument/],
    [
      'another shape',
      [torch.ones([3]), null],
      'ERR_TORCH_SHAPE',
      /WrongBackward returned an invalid gradient at index 0/,
    ],
  ])('backward that returns %s', (_, returned, code, message) => {
    class Wrong extends AutogradFunction {
      static forward(_: FunctionContext, x: Tensor, factor: number): Tensor {
        return x.mul(factor)
      }
      static backward(): Tensor {
        return returned as Tensor
      }
    }
    const x = torch.ones([2], { requiresGrad: true })
    expectError(() => Wrong.apply(x, 2).sum().backward(), code, message)
  })

  test('missing methods, wrong results, and objects of it', () => {
    class Nothing extends AutogradFunction {}
    expectError(() => Nothing.apply.call(Nothing as never), 'ERR_TORCH_NOT_IMPLEMENTED', /Nothing.apply: .*'forward'/)
    expectError(() => AutogradFunction.apply.call(undefined as never), 'ERR_TORCH_TYPE', /must be called on its class/)
    class Five extends AutogradFunction {
      static forward(): Tensor {
        return 5 as never
      }
      static backward(): null {
        return null
      }
    }
    expectError(() => Five.apply(), 'ERR_TORCH_TYPE', /Five.forward must return a Tensor or an array .* got 5/)
    // @ts-expect-error
    expectError(() => new Cube(), 'ERR_TORCH_TYPE', /call Cube.apply\(\)/)
  })

  test('what is marked as dirty, but is no output, or a leaf', () => {
    class Lost extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor, returned: boolean): Tensor {
        x.mul_(2)
        ctx.markDirty(x)
        return returned ? x : x.add(1)
      }
      static backward(_: FunctionContext, gradOutput: Tensor): (Tensor | null)[] {
        return [gradOutput, null]
      }
    }
    expectError(
      () => Lost.apply(leaf([1]).mul(1), false),
      'ERR_TORCH_AUTOGRAD',
      /marked as dirty .* must all be outputs/,
    )
    expectError(() => Lost.apply(leaf([1]), true), 'ERR_TORCH_AUTOGRAD', /leaf Variable that requires grad/)
    class Wrong extends AutogradFunction {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        ctx.markDirty(5 as never)
        return x
      }
      static backward(): null {
        return null
      }
    }
    expectError(() => Wrong.apply(leaf([1])), 'ERR_TORCH_TYPE', /expected a Tensor, got 5/)
  })

  test('a class without a name does not have that of its base', () => {
    const nameless = [class extends AutogradFunction {}][0] as unknown as typeof Cube
    expectError(() => nameless.apply(leaf([1])), 'ERR_TORCH_NOT_IMPLEMENTED', /^a class without a name.apply: /)
    expectError(
      () => Reflect.construct(nameless as never, []),
      'ERR_TORCH_TYPE',
      /^a class without a name: it cannot be constructed/,
    )
    const base = AutogradFunction as unknown as typeof Cube
    expectError(() => base.apply(leaf([1])), 'ERR_TORCH_NOT_IMPLEMENTED', /^torch.autograd.Function.apply: /)
  })

  test('a second backward, and saved tensors that have been changed', () => {
    const x = leaf([1])
    const y = Cube.apply(x)
    y.backward()
    expectError(() => y.backward(), 'ERR_TORCH_AUTOGRAD', /second time/)
    const z = Cube.apply(x)
    torch.noGrad(() => x.mul_(2))
    expectError(() => z.backward(), 'ERR_TORCH_AUTOGRAD', /modified by an inplace operation/)
  })

  test('offload', async () => {
    const x = leaf([2])
    const sentence = 'JavaScript, which cannot run on the thread of offload'
    await expectRejection(
      torch.offload(() => Cube.apply(x)),
      'ERR_TORCH_NOT_IMPLEMENTED',
      sentence,
    )
    expect((await torch.offload(() => torch.noGrad(() => Cube.apply(x)))).toArray()).toEqual([8])
    const y = Cube.apply(x)
    await expectRejection(
      torch.offload(() => y.backward()),
      'ERR_TORCH_NOT_IMPLEMENTED',
      'CubeBackward is JavaScript, which runs on its own thread only: call backward() outside of offload',
    )
    Cube.apply(x).backward()
    expect(x.grad?.item()).toBe(12)
  })
})

test('leaves no tensors behind', async () => {
  class Spoilt extends Cube {
    static override backward(ctx: FunctionContext): Tensor {
      expect(ctx.savedTensors).toHaveLength(1)
      throw new Error('spoilt')
    }
  }
  const x = torch.randn([1000], { requiresGrad: true })
  torch.tidy(() => Cube.apply(x).sum().backward())
  await collectGarbage()
  const { tensors, bytes } = torch.memory()
  for (let i = 0; i < 20; i++) {
    torch.tidy(() => {
      Cube.apply(x).sum().backward()
      // One that is never differentiated, and one whose backward fails.
      Cube.apply(Cube.apply(x))
      expect(() => Spoilt.apply(x).sum().backward()).toThrow('spoilt')
    })
  }
  await collectGarbage()
  expect(torch.memory()).toEqual({ tensors, bytes })
})
