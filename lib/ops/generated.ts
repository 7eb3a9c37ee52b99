// Generated from table.ts and the schemas of LibTorch by `npm run generate`: do not edit.
import type { DType } from '../tensor/dtype.ts'
import type { Generator } from '../tensor/generator.ts'
import type { Device, Scalar, Tensor } from '../tensor/tensor.ts'

/** The operations that tensors have as methods. */
export interface TensorMethods {
  /**
   * |x|
   * @see https://docs.pytorch.org/docs/stable/generated/torch.abs.html
   */
  abs(): Tensor
  /**
   * Inverse cosine, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.acos.html
   */
  acos(): Tensor
  /**
   * Inverse hyperbolic cosine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.acosh.html
   */
  acosh(): Tensor
  /**
   * self + alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.add.html
   */
  add(other: Tensor | Scalar, options?: { alpha?: Scalar }): Tensor
  /**
   * self + value * tensor1 / tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addcdiv.html
   */
  addcdiv(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor
  /**
   * self + value * tensor1 * tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addcmul.html
   */
  addcmul(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor
  /**
   * The argument of a complex number, in radians; 0 or π for a real one.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.angle.html
   */
  angle(): Tensor
  /**
   * Inverse sine, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.asin.html
   */
  asin(): Tensor
  /**
   * Inverse hyperbolic sine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.asinh.html
   */
  asinh(): Tensor
  /**
   * Inverse tangent, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atan.html
   */
  atan(): Tensor
  /**
   * The angle of the point (other, self), in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atan2.html
   */
  atan2(other: Tensor): Tensor
  /**
   * Inverse hyperbolic tangent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atanh.html
   */
  atanh(): Tensor
  /**
   * Bitwise self & other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html
   */
  bitwiseAnd(other: Tensor): Tensor
  bitwiseAnd(other: Scalar): Tensor
  /**
   * Bitwise ~self, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_not.html
   */
  bitwiseNot(): Tensor
  /**
   * Bitwise self | other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html
   */
  bitwiseOr(other: Tensor): Tensor
  bitwiseOr(other: Scalar): Tensor
  /**
   * Bitwise self ^ other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html
   */
  bitwiseXor(other: Tensor): Tensor
  bitwiseXor(other: Scalar): Tensor
  /**
   * The smallest integer ≥ x.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ceil.html
   */
  ceil(): Tensor
  /**
   * Limited to [min, max].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
   */
  clamp(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor
  clamp(min: Scalar | null, options?: { max?: Scalar | null }): Tensor
  clamp(min: Scalar | null, max: Scalar | null): Tensor
  clamp(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor
  clamp(min: Tensor | null, options?: { max?: Tensor | null }): Tensor
  clamp(min: Tensor | null, max: Tensor | null): Tensor
  /**
   * At most max.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp_max.html
   */
  clampMax(max: Scalar): Tensor
  clampMax(max: Tensor): Tensor
  /**
   * At least min.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp_min.html
   */
  clampMin(min: Scalar): Tensor
  clampMin(min: Tensor): Tensor
  /**
   * Limited to [min, max]; alias of clamp.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clip.html
   */
  clip(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor
  clip(min: Scalar | null, options?: { max?: Scalar | null }): Tensor
  clip(min: Scalar | null, max: Scalar | null): Tensor
  clip(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor
  clip(min: Tensor | null, options?: { max?: Tensor | null }): Tensor
  clip(min: Tensor | null, max: Tensor | null): Tensor
  /**
   * Complex conjugate.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.conj.html
   */
  conj(): Tensor
  /**
   * The magnitude of self with the sign of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.copysign.html
   */
  copysign(other: Tensor): Tensor
  copysign(other: Scalar): Tensor
  /**
   * Cosine of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cos.html
   */
  cos(): Tensor
  /**
   * Hyperbolic cosine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cosh.html
   */
  cosh(): Tensor
  /**
   * Degrees to radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.deg2rad.html
   */
  deg2rad(): Tensor
  /**
   * The logarithmic derivative of the gamma function.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.digamma.html
   */
  digamma(): Tensor
  /**
   * self / other; roundingMode 'trunc' or 'floor' rounds the quotient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.div.html
   */
  div(other: Tensor | Scalar): Tensor
  div(other: Tensor | Scalar, options?: { roundingMode?: string | null }): Tensor
  /**
   * self = other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.eq.html
   */
  eq(other: Tensor): Tensor
  eq(other: Scalar): Tensor
  /**
   * The error function 2/√π ∫₀ˣ exp(-t²) dt.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erf.html
   */
  erf(): Tensor
  /**
   * 1 - erf(x)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erfc.html
   */
  erfc(): Tensor
  /**
   * The inverse of erf.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erfinv.html
   */
  erfinv(): Tensor
  /**
   * eˣ
   * @see https://docs.pytorch.org/docs/stable/generated/torch.exp.html
   */
  exp(): Tensor
  /**
   * 2ˣ
   * @see https://docs.pytorch.org/docs/stable/generated/torch.exp2.html
   */
  exp2(): Tensor
  /**
   * eˣ - 1, accurate near 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.expm1.html
   */
  expm1(): Tensor
  /**
   * self to the power exponent, in float64.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.float_power.html
   */
  floatPower(exponent: Tensor): Tensor
  floatPower(exponent: Scalar): Tensor
  /**
   * The largest integer ≤ x.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.floor.html
   */
  floor(): Tensor
  /**
   * floor(self / other)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html
   */
  floorDivide(other: Tensor | Scalar): Tensor
  /**
   * The remainder with the sign of self, as C's fmod.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmod.html
   */
  fmod(other: Tensor): Tensor
  fmod(other: Scalar): Tensor
  /**
   * The fractional part, with the sign of self.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.frac.html
   */
  frac(): Tensor
  /**
   * self ≥ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ge.html
   */
  ge(other: Tensor): Tensor
  ge(other: Scalar): Tensor
  /**
   * self > other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.gt.html
   */
  gt(other: Tensor): Tensor
  gt(other: Scalar): Tensor
  /**
   * 0 below zero, 1 above zero, and values at zero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.heaviside.html
   */
  heaviside(values: Tensor): Tensor
  /**
   * √(self² + other²)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.hypot.html
   */
  hypot(other: Tensor): Tensor
  /**
   * The modified Bessel function of the first kind and order 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.i0.html
   */
  i0(): Tensor
  /**
   * Whether neither infinite nor NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html
   */
  isfinite(): Tensor
  /**
   * Whether infinite.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isinf.html
   */
  isinf(): Tensor
  /**
   * Whether NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isnan.html
   */
  isnan(): Tensor
  /**
   * Whether -∞.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isneginf.html
   */
  isneginf(): Tensor
  /**
   * Whether +∞.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isposinf.html
   */
  isposinf(): Tensor
  /**
   * self * 2^other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ldexp.html
   */
  ldexp(other: Tensor): Tensor
  /**
   * self ≤ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.le.html
   */
  le(other: Tensor): Tensor
  le(other: Scalar): Tensor
  /**
   * self + weight * (end - self)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lerp.html
   */
  lerp(end: Tensor, weight: Scalar): Tensor
  lerp(end: Tensor, weight: Tensor): Tensor
  /**
   * ln |Γ(x)|
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lgamma.html
   */
  lgamma(): Tensor
  /**
   * Natural logarithm.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log.html
   */
  log(): Tensor
  /**
   * Logarithm to base 10.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log10.html
   */
  log10(): Tensor
  /**
   * ln(1 + x), accurate near 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log1p.html
   */
  log1p(): Tensor
  /**
   * Logarithm to base 2.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log2.html
   */
  log2(): Tensor
  /**
   * ln(exp(self) + exp(other))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logaddexp.html
   */
  logaddexp(other: Tensor): Tensor
  /**
   * log2(2^self + 2^other)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logaddexp2.html
   */
  logaddexp2(other: Tensor): Tensor
  /**
   * Whether both are nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html
   */
  logicalAnd(other: Tensor): Tensor
  /**
   * Whether zero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html
   */
  logicalNot(): Tensor
  /**
   * Whether at least one is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html
   */
  logicalOr(other: Tensor): Tensor
  /**
   * Whether exactly one is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_xor.html
   */
  logicalXor(other: Tensor): Tensor
  /**
   * ln(x / (1 - x)), with x first clamped to [eps, 1 - eps].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logit.html
   */
  logit(options?: { eps?: number | null }): Tensor
  logit(eps: number | null): Tensor
  /**
   * self < other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lt.html
   */
  lt(other: Tensor): Tensor
  lt(other: Scalar): Tensor
  /**
   * The greater of each pair; NaN if either is NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.maximum.html
   */
  maximum(other: Tensor): Tensor
  /**
   * The lesser of each pair; NaN if either is NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.minimum.html
   */
  minimum(other: Tensor): Tensor
  /**
   * The greater of each pair, or the one that is not NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmax.html
   */
  fmax(other: Tensor): Tensor
  /**
   * The lesser of each pair, or the one that is not NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmin.html
   */
  fmin(other: Tensor): Tensor
  /**
   * self * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mul.html
   */
  mul(other: Tensor | Scalar): Tensor
  /**
   * NaN and infinities replaced by finite numbers.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html
   */
  nanToNum(options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor
  nanToNum(nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor
  nanToNum(nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor
  nanToNum(nan: number | null, posinf: number | null, neginf: number | null): Tensor
  /**
   * self ≠ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ne.html
   */
  ne(other: Tensor): Tensor
  ne(other: Scalar): Tensor
  /**
   * -x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.neg.html
   */
  neg(): Tensor
  /**
   * The next floating-point number after self towards other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nextafter.html
   */
  nextafter(other: Tensor): Tensor
  /**
   * self to the power exponent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.pow.html
   */
  pow(exponent: Tensor): Tensor
  pow(exponent: Scalar): Tensor
  /**
   * Radians to degrees.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rad2deg.html
   */
  rad2deg(): Tensor
  /**
   * 1 / x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html
   */
  reciprocal(): Tensor
  /**
   * max(0, x)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.relu.html
   */
  relu(): Tensor
  /**
   * The remainder with the sign of other, as Python's %.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.remainder.html
   */
  remainder(other: Tensor): Tensor
  remainder(other: Scalar): Tensor
  /**
   * Rounded to the nearest integer, halves to even; or to the given number of decimals.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.round.html
   */
  round(): Tensor
  round(options: { decimals: number }): Tensor
  /**
   * 1 / √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html
   */
  rsqrt(): Tensor
  /**
   * 1 / (1 + exp(-x))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html
   */
  sigmoid(): Tensor
  /**
   * x / |x|, also for complex numbers; 0 at 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sgn.html
   */
  sgn(): Tensor
  /**
   * -1, 0 or 1.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sign.html
   */
  sign(): Tensor
  /**
   * Whether the sign bit is set.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.signbit.html
   */
  signbit(): Tensor
  /**
   * Sine of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sin.html
   */
  sin(): Tensor
  /**
   * sin(πx) / (πx), 1 at 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sinc.html
   */
  sinc(): Tensor
  /**
   * Hyperbolic sine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sinh.html
   */
  sinh(): Tensor
  /**
   * √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html
   */
  sqrt(): Tensor
  /**
   * x²
   * @see https://docs.pytorch.org/docs/stable/generated/torch.square.html
   */
  square(): Tensor
  /**
   * self - alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sub.html
   */
  sub(other: Tensor | Scalar, options?: { alpha?: Scalar }): Tensor
  /**
   * Tangent of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tan.html
   */
  tan(): Tensor
  /**
   * Hyperbolic tangent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tanh.html
   */
  tanh(): Tensor
  /**
   * Rounded towards zero to an integer.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.trunc.html
   */
  trunc(): Tensor
  /**
   * self * ln(other), 0 where self is 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.xlogy.html
   */
  xlogy(other: Tensor): Tensor
  xlogy(other: Scalar): Tensor
  /**
   * 0 where |x| ≤ lambd, x elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.hardshrink.html
   */
  hardshrink(options?: { lambd?: Scalar }): Tensor
  hardshrink(lambd: Scalar): Tensor
  /**
   * ln(softmax(x)) along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log_softmax.html
   */
  logSoftmax(dim: number, options?: { dtype?: DType | null }): Tensor
  logSoftmax(dim: number, dtype: DType | null): Tensor
  /**
   * x above zero, weight * x below.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.prelu.html
   */
  prelu(weight: Tensor): Tensor
  /**
   * exp(x) / Σ exp(x) along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.softmax.html
   */
  softmax(dim: number, options?: { dtype?: DType | null }): Tensor
  softmax(dim: number, dtype: DType | null): Tensor
  /**
   * Whether all elements are nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.all.html
   */
  all(): Tensor
  all(dim: number, options?: { keepdim?: boolean }): Tensor
  all(dim: number, keepdim: boolean): Tensor
  all(options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
  all(dim: readonly number[] | null, options?: { keepdim?: boolean }): Tensor
  all(dim: readonly number[] | null, keepdim: boolean): Tensor
  /**
   * The maximum along dim; ties share its gradient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
   */
  amax(options?: { dim?: number | readonly number[]; keepdim?: boolean }): Tensor
  amax(dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  amax(dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * The minimum along dim; ties share its gradient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.amin.html
   */
  amin(options?: { dim?: number | readonly number[]; keepdim?: boolean }): Tensor
  amin(dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  amin(dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * Minimum and maximum.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.aminmax.html
   */
  aminmax(options?: { dim?: number | null; keepdim?: boolean }): [Tensor, Tensor]
  /**
   * Whether any element is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.any.html
   */
  any(): Tensor
  any(dim: number, options?: { keepdim?: boolean }): Tensor
  any(dim: number, keepdim: boolean): Tensor
  any(options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
  any(dim: readonly number[] | null, options?: { keepdim?: boolean }): Tensor
  any(dim: readonly number[] | null, keepdim: boolean): Tensor
  /**
   * The index of the maximum, in the flattened tensor or along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
   */
  argmax(options?: { dim?: number | null; keepdim?: boolean }): Tensor
  argmax(dim: number | null, options?: { keepdim?: boolean }): Tensor
  argmax(dim: number | null, keepdim: boolean): Tensor
  /**
   * The index of the minimum, in the flattened tensor or along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argmin.html
   */
  argmin(options?: { dim?: number | null; keepdim?: boolean }): Tensor
  argmin(dim: number | null, options?: { keepdim?: boolean }): Tensor
  argmin(dim: number | null, keepdim: boolean): Tensor
  /**
   * The correlation coefficients of variables in rows and observations in columns.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.corrcoef.html
   */
  corrcoef(): Tensor
  /**
   * The number of nonzero elements.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.count_nonzero.html
   */
  countNonzero(dim: readonly number[]): Tensor
  countNonzero(options?: { dim?: number | null }): Tensor
  countNonzero(dim: number | null): Tensor
  /**
   * The covariance matrix of variables in rows and observations in columns.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cov.html
   */
  cov(options?: { correction?: number; fweights?: Tensor | null; aweights?: Tensor | null }): Tensor
  /**
   * The cumulative maximum along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cummax.html
   */
  cummax(dim: number): [Tensor, Tensor]
  /**
   * The cumulative minimum along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cummin.html
   */
  cummin(dim: number): [Tensor, Tensor]
  /**
   * The cumulative product along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html
   */
  cumprod(dim: number, options?: { dtype?: DType | null }): Tensor
  /**
   * The cumulative sum along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html
   */
  cumsum(dim: number, options?: { dtype?: DType | null }): Tensor
  /**
   * Differences of neighbors along dim, n times.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diff.html
   */
  diff(options?: { n?: number; dim?: number; prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(n: number, options?: { dim?: number; prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(n: number, dim: number, options?: { prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(n: number, dim: number, prepend: Tensor | null, options?: { append?: Tensor | null }): Tensor
  diff(n: number, dim: number, prepend: Tensor | null, append: Tensor | null): Tensor
  /**
   * The p-norm of self - other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dist.html
   */
  dist(other: Tensor, options?: { p?: Scalar }): Tensor
  dist(other: Tensor, p: Scalar): Tensor
  /**
   * The k-th smallest element along dim (k from 1), and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.kthvalue.html
   */
  kthvalue(k: number, options?: { dim?: number; keepdim?: boolean }): [Tensor, Tensor]
  kthvalue(k: number, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  kthvalue(k: number, dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The logarithm of the cumulative sum of exponentials along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logcumsumexp.html
   */
  logcumsumexp(dim: number): Tensor
  /**
   * ln Σ exp(x) along dim, without overflow.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html
   */
  logsumexp(dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  logsumexp(dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * The maximum; with dim, also its index; with a tensor, element by element.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.max.html
   */
  max(): Tensor
  max(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  max(dim: number, keepdim: boolean): [Tensor, Tensor]
  max(other: Tensor): Tensor
  /**
   * The mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mean.html
   */
  mean(options?: { dtype?: DType | null }): Tensor
  mean(dim: number | readonly number[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  mean(dim: number | readonly number[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The lower median; with dim, also its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.median.html
   */
  median(): Tensor
  median(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  median(dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The minimum; with dim, also its index; with a tensor, element by element.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.min.html
   */
  min(): Tensor
  min(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  min(dim: number, keepdim: boolean): [Tensor, Tensor]
  min(other: Tensor): Tensor
  /**
   * The most frequent value along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mode.html
   */
  mode(options?: { dim?: number; keepdim?: boolean }): [Tensor, Tensor]
  mode(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  mode(dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The mean, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nanmean.html
   */
  nanmean(options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor
  nanmean(dim: number | readonly number[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  nanmean(dim: number | readonly number[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The lower median, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nanmedian.html
   */
  nanmedian(): Tensor
  nanmedian(dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  nanmedian(dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The sum, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nansum.html
   */
  nansum(options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor
  nansum(dim: number | readonly number[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  nansum(dim: number | readonly number[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The p-norm (default 2), of the flattened tensor or along dim; for matrices also 'nuc'.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.norm.html
   */
  norm(options?: {
    p?: Scalar | null
    dim?: number | readonly number[] | null
    keepdim?: boolean
    dtype?: DType | null
  }): Tensor
  norm(
    p: Scalar | null,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    p: Scalar | null,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    p: Scalar | null,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  norm(p: Scalar | null, dim: number | readonly number[] | null, keepdim: boolean, dtype: DType | null): Tensor
  norm(
    p: string,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(p: string, dim: number | readonly number[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  norm(p: string, dim: number | readonly number[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  norm(p: string, dim: number | readonly number[] | null, keepdim: boolean, dtype: DType | null): Tensor
  /**
   * The product.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.prod.html
   */
  prod(options?: { dtype?: DType | null }): Tensor
  prod(dim: number, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  prod(dim: number, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The q-quantile, by linear interpolation.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.quantile.html
   */
  quantile(q: Tensor, options?: { dim?: number | null; keepdim?: boolean; interpolation?: string }): Tensor
  quantile(q: Tensor, dim: number | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor
  quantile(q: Tensor, dim: number | null, keepdim: boolean, options?: { interpolation?: string }): Tensor
  quantile(q: number, options?: { dim?: number | null; keepdim?: boolean; interpolation?: string }): Tensor
  quantile(q: number, dim: number | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor
  quantile(q: number, dim: number | null, keepdim: boolean, options?: { interpolation?: string }): Tensor
  /**
   * The standard deviation, with Bessel's correction.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.std.html
   */
  std(options?: { unbiased?: boolean }): Tensor
  std(unbiased: boolean): Tensor
  std(dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor
  std(dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor
  std(dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): Tensor
  std(options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor
  std(dim: number | readonly number[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor
  /**
   * Standard deviation and mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.std_mean.html
   */
  stdMean(options?: { unbiased?: boolean }): [Tensor, Tensor]
  stdMean(unbiased: boolean): [Tensor, Tensor]
  stdMean(dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor]
  stdMean(dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor]
  stdMean(dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor]
  stdMean(options?: {
    dim?: number | readonly number[] | null
    correction?: Scalar | null
    keepdim?: boolean
  }): [Tensor, Tensor]
  stdMean(
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  /**
   * The sum.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sum.html
   */
  sum(options?: { dtype?: DType | null }): Tensor
  sum(dim: number | readonly number[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  sum(dim: number | readonly number[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The sum of a matrix's diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.trace.html
   */
  trace(): Tensor
  /**
   * The variance, with Bessel's correction.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.var.html
   */
  var(options?: { unbiased?: boolean }): Tensor
  var(unbiased: boolean): Tensor
  var(dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor
  var(dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor
  var(dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): Tensor
  var(options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor
  var(dim: number | readonly number[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor
  /**
   * Variance and mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html
   */
  varMean(options?: { unbiased?: boolean }): [Tensor, Tensor]
  varMean(unbiased: boolean): [Tensor, Tensor]
  varMean(dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor]
  varMean(dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor]
  varMean(dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor]
  varMean(options?: {
    dim?: number | readonly number[] | null
    correction?: Scalar | null
    keepdim?: boolean
  }): [Tensor, Tensor]
  varMean(
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  /**
   * Whether shapes and all elements are equal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.equal.html
   */
  equal(other: Tensor): boolean
  /**
   * Whether all |self - other| ≤ atol + rtol |other|.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.allclose.html
   */
  allclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean
  allclose(other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): boolean
  allclose(other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): boolean
  allclose(other: Tensor, rtol: number, atol: number, equalNan: boolean): boolean
  /**
   * Where |self - other| ≤ atol + rtol |other|.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isclose.html
   */
  isclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor
  isclose(other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): Tensor
  isclose(other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): Tensor
  isclose(other: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor
  /**
   * beta self + alpha Σ batch1 @ batch2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addbmm.html
   */
  addbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha mat1 @ mat2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addmm.html
   */
  addmm(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha mat @ vec
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addmv.html
   */
  addmv(mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha vec1 ⊗ vec2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addr.html
   */
  addr(vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha batch1 @ batch2, batch by batch.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.baddbmm.html
   */
  baddbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * Matrix products batch by batch: (B, n, m) @ (B, m, p).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bmm.html
   */
  bmm(mat2: Tensor): Tensor
  /**
   * The cross product of 3-vectors along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cross.html
   */
  cross(other: Tensor, options?: { dim?: number | null }): Tensor
  cross(other: Tensor, dim: number | null): Tensor
  /**
   * The inner product of two vectors.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dot.html
   */
  dot(tensor: Tensor): Tensor
  /**
   * Inner products of the last dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.inner.html
   */
  inner(other: Tensor): Tensor
  /**
   * The inverse of square matrices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.inverse.html
   */
  inverse(): Tensor
  /**
   * The Kronecker product.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.kron.html
   */
  kron(other: Tensor): Tensor
  /**
   * The matrix product, batched and broadcast over all but the last two dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.matmul.html
   */
  matmul(other: Tensor): Tensor
  /**
   * The matrix exponential.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.matrix_exp.html
   */
  matrixExp(): Tensor
  /**
   * The matrix product (n, m) @ (m, p).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mm.html
   */
  mm(mat2: Tensor): Tensor
  /**
   * Matrix (n, m) times vector (m).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mv.html
   */
  mv(vec: Tensor): Tensor
  /**
   * The outer product of two vectors.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.outer.html
   */
  outer(vec2: Tensor): Tensor
  /**
   * The inner product, with the first vector conjugated.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.vdot.html
   */
  vdot(other: Tensor): Tensor
  /**
   * A view repeated to the size.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.broadcast_to.html
   */
  broadcastTo(size: readonly number[]): Tensor
  /**
   * A copy that passes gradients on to the original.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clone.html
   */
  clone(options?: { memoryFormat?: 'contiguous' | 'preserve' | 'channelsLast' | null }): Tensor
  /**
   * The same memory, detached from the graph.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.detach.html
   */
  detach(): Tensor
  /**
   * The diagonal of a matrix, or the matrix of a diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diag.html
   */
  diag(options?: { diagonal?: number }): Tensor
  diag(diagonal: number): Tensor
  /**
   * Matrices with the last dimension on their diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diag_embed.html
   */
  diagEmbed(options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
  diagEmbed(offset: number, options?: { dim1?: number; dim2?: number }): Tensor
  diagEmbed(offset: number, dim1: number, options?: { dim2?: number }): Tensor
  diagEmbed(offset: number, dim1: number, dim2: number): Tensor
  /**
   * A view of the diagonal in two dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diagonal.html
   */
  diagonal(options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
  diagonal(offset: number, options?: { dim1?: number; dim2?: number }): Tensor
  diagonal(offset: number, dim1: number, options?: { dim2?: number }): Tensor
  diagonal(offset: number, dim1: number, dim2: number): Tensor
  /**
   * Dimensions startDim to endDim flattened into one.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
   */
  flatten(options?: { startDim?: number; endDim?: number }): Tensor
  flatten(startDim: number, options?: { endDim?: number }): Tensor
  flatten(startDim: number, endDim: number): Tensor
  /**
   * The order reversed along dims.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flip.html
   */
  flip(dims: readonly number[]): Tensor
  /**
   * Columns in reverse order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fliplr.html
   */
  fliplr(): Tensor
  /**
   * Rows in reverse order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flipud.html
   */
  flipud(): Tensor
  /**
   * Dimensions moved to other positions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.movedim.html
   */
  movedim(source: readonly number[], destination: readonly number[]): Tensor
  movedim(source: number, destination: number): Tensor
  /**
   * The elements start to start + length along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.narrow.html
   */
  narrow(dim: number, start: number, length: number): Tensor
  narrow(dim: number, start: Tensor, length: number): Tensor
  /**
   * The dimensions in another order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.permute.html
   */
  permute(dims: readonly number[]): Tensor
  /**
   * All elements in one dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ravel.html
   */
  ravel(): Tensor
  /**
   * Each element repeated; with repeats only, each index repeated that often.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html
   */
  repeatInterleave(repeats: number, options?: { dim?: number | null; outputSize?: number | null }): Tensor
  repeatInterleave(repeats: number, dim: number | null, options?: { outputSize?: number | null }): Tensor
  repeatInterleave(repeats: Tensor, options?: { dim?: number | null; outputSize?: number | null }): Tensor
  repeatInterleave(repeats: Tensor, dim: number | null, options?: { outputSize?: number | null }): Tensor
  /**
   * Another shape for the same elements in row-major order; -1 is inferred.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
   */
  reshape(shape: readonly number[]): Tensor
  /**
   * Elements shifted along dims; those pushed off the end return at the front.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.roll.html
   */
  roll(shifts: number | readonly number[], options?: { dims?: number | readonly number[] }): Tensor
  roll(shifts: number | readonly number[], dims: number | readonly number[]): Tensor
  /**
   * A rotation by 90 degrees, k times.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rot90.html
   */
  rot90(options?: { k?: number; dims?: readonly number[] }): Tensor
  rot90(k: number, options?: { dims?: readonly number[] }): Tensor
  rot90(k: number, dims: readonly number[]): Tensor
  /**
   * The slice at one index along dim; dim is removed.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.select.html
   */
  select(dim: number, index: number): Tensor
  /**
   * Without dimensions of size 1.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html
   */
  squeeze(): Tensor
  squeeze(dim: number): Tensor
  squeeze(dim: readonly number[]): Tensor
  /**
   * Two dimensions exchanged.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.swapaxes.html
   */
  swapaxes(axis0: number, axis1: number): Tensor
  /**
   * The transpose of a matrix.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.t.html
   */
  t(): Tensor
  /**
   * Copies along each dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tile.html
   */
  tile(dims: readonly number[]): Tensor
  /**
   * Two dimensions exchanged.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.transpose.html
   */
  transpose(dim0: number, dim1: number): Tensor
  /**
   * The lower triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tril.html
   */
  tril(options?: { diagonal?: number }): Tensor
  tril(diagonal: number): Tensor
  /**
   * The upper triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.triu.html
   */
  triu(options?: { diagonal?: number }): Tensor
  triu(diagonal: number): Tensor
  /**
   * One dimension split into several.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html
   */
  unflatten(dim: number, sizes: readonly number[]): Tensor
  /**
   * With a dimension of size 1 inserted.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html
   */
  unsqueeze(dim: number): Tensor
  /**
   * Complex numbers as pairs: (…) -> (…, 2).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.view_as_real.html
   */
  viewAsReal(): Tensor
  /**
   * Pairs as complex numbers: (…, 2) -> (…).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.view_as_complex.html
   */
  viewAsComplex(): Tensor
  /**
   * Contiguous in memory (row-major); the tensor itself if it already is.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.contiguous.html
   */
  contiguous(options?: { memoryFormat?: 'contiguous' | 'preserve' | 'channelsLast' }): Tensor
  /**
   * A view with dimensions of size 1 repeated; -1 keeps a size.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html
   */
  expand(size: readonly number[], options?: { implicit?: boolean }): Tensor
  /**
   * expand to the shape of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand_as.html
   */
  expandAs(other: Tensor): Tensor
  /**
   * Copies along each dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html
   */
  repeat(repeats: readonly number[]): Tensor
  /**
   * reshape to the shape of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.reshape_as.html
   */
  reshapeAs(other: Tensor): Tensor
  /**
   * The sum over the dimensions that broadcasting from the size would repeat.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sum_to_size.html
   */
  sumToSize(size: readonly number[]): Tensor
  /**
   * With the dtype and device of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.type_as.html
   */
  typeAs(other: Tensor): Tensor
  /**
   * Windows of a size and step along dimension, in a new last dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html
   */
  unfold(dimension: number, size: number, step: number): Tensor
  /**
   * The same memory in another shape.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html
   */
  view(size: readonly number[]): Tensor
  view(dtype: DType): Tensor
  /**
   * view in the shape of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view_as.html
   */
  viewAs(other: Tensor): Tensor
  /**
   * The indices that would sort along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argsort.html
   */
  argsort(options?: { dim?: number; descending?: boolean }): Tensor
  argsort(dim: number, options?: { descending?: boolean }): Tensor
  argsort(dim: number, descending: boolean): Tensor
  argsort(options: { stable: boolean; dim?: number; descending?: boolean }): Tensor
  /**
   * The number of occurrences of each non-negative integer.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bincount.html
   */
  bincount(options?: { weights?: Tensor | null; minlength?: number }): Tensor
  bincount(weights: Tensor | null, options?: { minlength?: number }): Tensor
  bincount(weights: Tensor | null, minlength: number): Tensor
  /**
   * Views of the given number of parts along dim; the last may be smaller.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.chunk.html
   */
  chunk(chunks: number, options?: { dim?: number }): Tensor[]
  chunk(chunks: number, dim: number): Tensor[]
  /**
   * Elements picked along dim by index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.gather.html
   */
  gather(dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor
  /**
   * Counts in equal bins from min to max.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.histc.html
   */
  histc(options?: { bins?: number; min?: Scalar; max?: Scalar }): Tensor
  histc(bins: number, options?: { min?: Scalar; max?: Scalar }): Tensor
  histc(bins: number, min: Scalar, options?: { max?: Scalar }): Tensor
  histc(bins: number, min: Scalar, max: Scalar): Tensor
  /**
   * A copy with alpha * source added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_add.html
   */
  indexAdd(dim: number, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor
  /**
   * A copy with source at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_copy.html
   */
  indexCopy(dim: number, index: Tensor, source: Tensor): Tensor
  /**
   * A copy with value at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_fill.html
   */
  indexFill(dim: number, index: Tensor, value: Scalar): Tensor
  indexFill(dim: number, index: Tensor, value: Tensor): Tensor
  /**
   * The slices at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_select.html
   */
  indexSelect(dim: number, index: Tensor): Tensor
  /**
   * Whether each element is among testElements.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isin.html
   */
  isin(testElements: Tensor, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor
  isin(testElement: Scalar, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor
  /**
   * A copy with value where the mask is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_fill.html
   */
  maskedFill(mask: Tensor, value: Scalar): Tensor
  maskedFill(mask: Tensor, value: Tensor): Tensor
  /**
   * A copy with the elements of source, in order, where the mask is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_scatter.html
   */
  maskedScatter(mask: Tensor, source: Tensor): Tensor
  /**
   * The elements where the mask is true, in one dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_select.html
   */
  maskedSelect(mask: Tensor): Tensor
  /**
   * Sorted along the first dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.msort.html
   */
  msort(): Tensor
  /**
   * Random indices, drawn with probabilities proportional to each row.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html
   */
  multinomial(numSamples: number, options?: { replacement?: boolean; generator?: Generator | null }): Tensor
  multinomial(numSamples: number, replacement: boolean, options?: { generator?: Generator | null }): Tensor
  /**
   * The indices of nonzero elements: (n, dimensions).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html
   */
  nonzero(): Tensor
  /**
   * 1 with the probability given by the element, else 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html
   */
  bernoulli(options?: { generator?: Generator | null }): Tensor
  bernoulli(p: number, options?: { generator?: Generator | null }): Tensor
  /**
   * A copy with source at indices into the flattened tensor.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.put.html
   */
  put(index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor
  put(index: Tensor, source: Tensor, accumulate: boolean): Tensor
  /**
   * A copy with the elements of src at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.scatter.html
   */
  scatter(dim: number, index: Tensor, src: Tensor): Tensor
  scatter(dim: number, index: Tensor, value: Scalar): Tensor
  scatter(dim: number, index: Tensor, src: Tensor, options: { reduce: string }): Tensor
  scatter(dim: number, index: Tensor, value: Scalar, options: { reduce: string }): Tensor
  /**
   * A copy with the elements of src added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.scatter_add.html
   */
  scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor
  /**
   * Sorted along dim, and the indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sort.html
   */
  sort(options?: { dim?: number; descending?: boolean }): [Tensor, Tensor]
  sort(dim: number, options?: { descending?: boolean }): [Tensor, Tensor]
  sort(dim: number, descending: boolean): [Tensor, Tensor]
  sort(options?: { stable?: boolean | null; dim?: number; descending?: boolean }): [Tensor, Tensor]
  /**
   * Views of parts along dim, all of one size or of the given sizes.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.split.html
   */
  split(splitSize: number, options?: { dim?: number }): Tensor[]
  split(splitSize: number, dim: number): Tensor[]
  split(splitSize: readonly number[], options?: { dim?: number }): Tensor[]
  split(splitSize: readonly number[], dim: number): Tensor[]
  /**
   * The elements at indices into the flattened tensor.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.take.html
   */
  take(index: Tensor): Tensor
  /**
   * Elements picked along dim by index, broadcast.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.take_along_dim.html
   */
  takeAlongDim(indices: Tensor, options?: { dim?: number | null }): Tensor
  takeAlongDim(indices: Tensor, dim: number | null): Tensor
  /**
   * The k largest elements along dim, and their indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.topk.html
   */
  topk(k: number, options?: { dim?: number; largest?: boolean; sorted?: boolean }): [Tensor, Tensor]
  topk(k: number, dim: number, options?: { largest?: boolean; sorted?: boolean }): [Tensor, Tensor]
  topk(k: number, dim: number, largest: boolean, options?: { sorted?: boolean }): [Tensor, Tensor]
  topk(k: number, dim: number, largest: boolean, sorted: boolean): [Tensor, Tensor]
  /**
   * Views of all slices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unbind.html
   */
  unbind(options?: { dim?: number }): Tensor[]
  unbind(dim: number): Tensor[]
  /**
   * The distinct values, sorted on request; then the index of each element among them, and the count of each value: both have shape (0) unless requested.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unique.html
   */
  unique(options?: {
    sorted?: boolean
    returnInverse?: boolean
    returnCounts?: boolean
    dim?: number | null
  }): [Tensor, Tensor, Tensor]
  unique(
    sorted: boolean,
    options?: { returnInverse?: boolean; returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    sorted: boolean,
    returnInverse: boolean,
    options?: { returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    sorted: boolean,
    returnInverse: boolean,
    returnCounts: boolean,
    options?: { dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(sorted: boolean, returnInverse: boolean, returnCounts: boolean, dim: number | null): [Tensor, Tensor, Tensor]
  /**
   * Without consecutive repetitions; with indices and counts on request.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unique_consecutive.html
   */
  uniqueConsecutive(options?: {
    returnInverse?: boolean
    returnCounts?: boolean
    dim?: number | null
  }): [Tensor, Tensor, Tensor]
  uniqueConsecutive(
    returnInverse: boolean,
    options?: { returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  uniqueConsecutive(
    returnInverse: boolean,
    returnCounts: boolean,
    options?: { dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  uniqueConsecutive(returnInverse: boolean, returnCounts: boolean, dim: number | null): [Tensor, Tensor, Tensor]
  /**
   * |x|
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.abs_.html
   */
  abs_(): this
  /**
   * self + alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.add_.html
   */
  add_(other: Tensor | Scalar, options?: { alpha?: Scalar }): this
  /**
   * self + value * tensor1 / tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.addcdiv_.html
   */
  addcdiv_(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): this
  /**
   * self + value * tensor1 * tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.addcmul_.html
   */
  addcmul_(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): this
  /**
   * beta self + alpha mat1 @ mat2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.addmm_.html
   */
  addmm_(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): this
  /**
   * 1 with probability p, else 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.bernoulli_.html
   */
  bernoulli_(options?: { p?: number; generator?: Generator | null }): this
  bernoulli_(p: number, options?: { generator?: Generator | null }): this
  bernoulli_(p: Tensor, options?: { generator?: Generator | null }): this
  /**
   * Limited to [min, max].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.clamp_.html
   */
  clamp_(options?: { min?: Scalar | null; max?: Scalar | null }): this
  clamp_(min: Scalar | null, options?: { max?: Scalar | null }): this
  clamp_(min: Scalar | null, max: Scalar | null): this
  clamp_(options?: { min?: Tensor | null; max?: Tensor | null }): this
  clamp_(min: Tensor | null, options?: { max?: Tensor | null }): this
  clamp_(min: Tensor | null, max: Tensor | null): this
  /**
   * At most max.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.clamp_max_.html
   */
  clampMax_(max: Scalar): this
  clampMax_(max: Tensor): this
  /**
   * At least min.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.clamp_min_.html
   */
  clampMin_(min: Scalar): this
  clampMin_(min: Tensor): this
  /**
   * Limited to [min, max]; alias of clamp_.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.clip_.html
   */
  clip_(options?: { min?: Scalar | null; max?: Scalar | null }): this
  clip_(min: Scalar | null, options?: { max?: Scalar | null }): this
  clip_(min: Scalar | null, max: Scalar | null): this
  clip_(options?: { min?: Tensor | null; max?: Tensor | null }): this
  clip_(min: Tensor | null, options?: { max?: Tensor | null }): this
  clip_(min: Tensor | null, max: Tensor | null): this
  /**
   * The elements of src, broadcast and converted.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html
   */
  copy_(src: Tensor | Scalar, options?: { nonBlocking?: boolean }): this
  copy_(src: Tensor | Scalar, nonBlocking: boolean): this
  /**
   * The cumulative sum along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.cumsum_.html
   */
  cumsum_(dim: number, options?: { dtype?: DType | null }): this
  /**
   * Detaches this tensor from the graph.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach_.html
   */
  detach_(): this
  /**
   * self / other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.div_.html
   */
  div_(other: Tensor | Scalar): this
  div_(other: Tensor | Scalar, options?: { roundingMode?: string | null }): this
  /**
   * eˣ
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.exp_.html
   */
  exp_(): this
  /**
   * Random numbers with density lambd exp(-lambd x).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.exponential_.html
   */
  exponential_(options?: { lambd?: number; generator?: Generator | null }): this
  exponential_(lambd: number, options?: { generator?: Generator | null }): this
  /**
   * Every element set to value.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.fill_.html
   */
  fill_(value: Scalar): this
  fill_(value: Tensor): this
  /**
   * The diagonal set to fillValue.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.fill_diagonal_.html
   */
  fillDiagonal_(fillValue: Scalar, options?: { wrap?: boolean }): this
  fillDiagonal_(fillValue: Scalar, wrap: boolean): this
  /**
   * The largest integer ≤ x.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.floor_.html
   */
  floor_(): this
  /**
   * alpha * source added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_add_.html
   */
  indexAdd_(dim: number, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): this
  /**
   * source at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_copy_.html
   */
  indexCopy_(dim: number, index: Tensor, source: Tensor): this
  /**
   * value at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_fill_.html
   */
  indexFill_(dim: number, index: Tensor, value: Scalar): this
  indexFill_(dim: number, index: Tensor, value: Tensor): this
  /**
   * self + weight * (end - self)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.lerp_.html
   */
  lerp_(end: Tensor, weight: Scalar): this
  lerp_(end: Tensor, weight: Tensor): this
  /**
   * Natural logarithm.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.log_.html
   */
  log_(): this
  /**
   * value where the mask is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill_.html
   */
  maskedFill_(mask: Tensor, value: Scalar): this
  maskedFill_(mask: Tensor, value: Tensor): this
  /**
   * self * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.mul_.html
   */
  mul_(other: Tensor | Scalar): this
  /**
   * -x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.neg_.html
   */
  neg_(): this
  /**
   * Random numbers from the normal distribution of mean and std.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.normal_.html
   */
  normal_(options?: { mean?: number; std?: number; generator?: Generator | null }): this
  normal_(mean: number, options?: { std?: number; generator?: Generator | null }): this
  normal_(mean: number, std: number, options?: { generator?: Generator | null }): this
  /**
   * self to the power exponent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.pow_.html
   */
  pow_(exponent: Scalar): this
  pow_(exponent: Tensor): this
  /**
   * Random integers from a range.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.random_.html
   */
  random_(fromValue: number, toValue: number | null, options?: { generator?: Generator | null }): this
  random_(toValue: number, options?: { generator?: Generator | null }): this
  random_(options?: { generator?: Generator | null }): this
  /**
   * 1 / x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.reciprocal_.html
   */
  reciprocal_(): this
  /**
   * max(0, x)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.relu_.html
   */
  relu_(): this
  /**
   * Rounded to the nearest integer, halves to even.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.round_.html
   */
  round_(): this
  round_(options: { decimals: number }): this
  /**
   * 1 / √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.rsqrt_.html
   */
  rsqrt_(): this
  /**
   * The elements of src at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html
   */
  scatter_(dim: number, index: Tensor, src: Tensor): this
  scatter_(dim: number, index: Tensor, value: Scalar): this
  scatter_(dim: number, index: Tensor, src: Tensor, options: { reduce: string }): this
  scatter_(dim: number, index: Tensor, value: Scalar, options: { reduce: string }): this
  /**
   * The elements of src added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.scatter_add_.html
   */
  scatterAdd_(dim: number, index: Tensor, src: Tensor): this
  /**
   * 1 / (1 + exp(-x))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sigmoid_.html
   */
  sigmoid_(): this
  /**
   * √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sqrt_.html
   */
  sqrt_(): this
  /**
   * x²
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.square_.html
   */
  square_(): this
  /**
   * Without dimensions of size 1.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.squeeze_.html
   */
  squeeze_(): this
  squeeze_(dim: number): this
  squeeze_(dim: readonly number[]): this
  /**
   * self - alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sub_.html
   */
  sub_(other: Tensor | Scalar, options?: { alpha?: Scalar }): this
  /**
   * Hyperbolic tangent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.tanh_.html
   */
  tanh_(): this
  /**
   * Two dimensions exchanged.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.transpose_.html
   */
  transpose_(dim0: number, dim1: number): this
  /**
   * The lower triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.tril_.html
   */
  tril_(options?: { diagonal?: number }): this
  tril_(diagonal: number): this
  /**
   * The upper triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.triu_.html
   */
  triu_(options?: { diagonal?: number }): this
  triu_(diagonal: number): this
  /**
   * Random numbers from the interval [from, to).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.uniform_.html
   */
  uniform_(options?: { from?: number; to?: number; generator?: Generator | null }): this
  uniform_(fromValue: number, options?: { to?: number; generator?: Generator | null }): this
  uniform_(fromValue: number, toValue: number, options?: { generator?: Generator | null }): this
  /**
   * With a dimension of size 1 inserted.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unsqueeze_.html
   */
  unsqueeze_(dim: number): this
  /**
   * Every element set to 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.zero_.html
   */
  zero_(): this
}

/** The operations in `torch`. */
export interface TorchFunctions {
  /**
   * |x|
   * @see https://docs.pytorch.org/docs/stable/generated/torch.abs.html
   */
  abs(self: Tensor): Tensor
  /**
   * Inverse cosine, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.acos.html
   */
  acos(self: Tensor): Tensor
  /**
   * Inverse hyperbolic cosine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.acosh.html
   */
  acosh(self: Tensor): Tensor
  /**
   * self + alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.add.html
   */
  add(self: Tensor | Scalar, other: Tensor | Scalar, options?: { alpha?: Scalar }): Tensor
  /**
   * self + value * tensor1 / tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addcdiv.html
   */
  addcdiv(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor
  /**
   * self + value * tensor1 * tensor2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addcmul.html
   */
  addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor
  /**
   * The argument of a complex number, in radians; 0 or π for a real one.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.angle.html
   */
  angle(self: Tensor): Tensor
  /**
   * Inverse sine, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.asin.html
   */
  asin(self: Tensor): Tensor
  /**
   * Inverse hyperbolic sine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.asinh.html
   */
  asinh(self: Tensor): Tensor
  /**
   * Inverse tangent, in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atan.html
   */
  atan(self: Tensor): Tensor
  /**
   * The angle of the point (other, self), in radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atan2.html
   */
  atan2(self: Tensor, other: Tensor): Tensor
  /**
   * Inverse hyperbolic tangent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.atanh.html
   */
  atanh(self: Tensor): Tensor
  /**
   * Bitwise self & other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html
   */
  bitwiseAnd(self: Tensor, other: Tensor): Tensor
  bitwiseAnd(self: Tensor, other: Scalar): Tensor
  bitwiseAnd(self: Scalar, other: Tensor): Tensor
  /**
   * Bitwise ~self, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_not.html
   */
  bitwiseNot(self: Tensor): Tensor
  /**
   * Bitwise self | other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html
   */
  bitwiseOr(self: Tensor, other: Tensor): Tensor
  bitwiseOr(self: Tensor, other: Scalar): Tensor
  bitwiseOr(self: Scalar, other: Tensor): Tensor
  /**
   * Bitwise self ^ other, of integers or booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html
   */
  bitwiseXor(self: Tensor, other: Tensor): Tensor
  bitwiseXor(self: Tensor, other: Scalar): Tensor
  bitwiseXor(self: Scalar, other: Tensor): Tensor
  /**
   * The smallest integer ≥ x.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ceil.html
   */
  ceil(self: Tensor): Tensor
  /**
   * Limited to [min, max].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
   */
  clamp(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor
  clamp(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor
  clamp(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor
  clamp(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor
  clamp(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor
  clamp(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor
  /**
   * At most max.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp_max.html
   */
  clampMax(self: Tensor, max: Scalar): Tensor
  clampMax(self: Tensor, max: Tensor): Tensor
  /**
   * At least min.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp_min.html
   */
  clampMin(self: Tensor, min: Scalar): Tensor
  clampMin(self: Tensor, min: Tensor): Tensor
  /**
   * Limited to [min, max]; alias of clamp.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clip.html
   */
  clip(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor
  clip(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor
  clip(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor
  clip(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor
  clip(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor
  clip(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor
  /**
   * Complex conjugate.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.conj.html
   */
  conj(self: Tensor): Tensor
  /**
   * The magnitude of self with the sign of other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.copysign.html
   */
  copysign(self: Tensor, other: Tensor): Tensor
  copysign(self: Tensor, other: Scalar): Tensor
  /**
   * Cosine of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cos.html
   */
  cos(self: Tensor): Tensor
  /**
   * Hyperbolic cosine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cosh.html
   */
  cosh(self: Tensor): Tensor
  /**
   * Degrees to radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.deg2rad.html
   */
  deg2rad(self: Tensor): Tensor
  /**
   * The logarithmic derivative of the gamma function.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.digamma.html
   */
  digamma(self: Tensor): Tensor
  /**
   * self / other; roundingMode 'trunc' or 'floor' rounds the quotient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.div.html
   */
  div(self: Tensor | Scalar, other: Tensor | Scalar): Tensor
  div(self: Tensor | Scalar, other: Tensor | Scalar, options?: { roundingMode?: string | null }): Tensor
  /**
   * self = other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.eq.html
   */
  eq(self: Tensor, other: Tensor): Tensor
  eq(self: Tensor, other: Scalar): Tensor
  /**
   * The error function 2/√π ∫₀ˣ exp(-t²) dt.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erf.html
   */
  erf(self: Tensor): Tensor
  /**
   * 1 - erf(x)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erfc.html
   */
  erfc(self: Tensor): Tensor
  /**
   * The inverse of erf.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.erfinv.html
   */
  erfinv(self: Tensor): Tensor
  /**
   * eˣ
   * @see https://docs.pytorch.org/docs/stable/generated/torch.exp.html
   */
  exp(self: Tensor): Tensor
  /**
   * 2ˣ
   * @see https://docs.pytorch.org/docs/stable/generated/torch.exp2.html
   */
  exp2(self: Tensor): Tensor
  /**
   * eˣ - 1, accurate near 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.expm1.html
   */
  expm1(self: Tensor): Tensor
  /**
   * self to the power exponent, in float64.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.float_power.html
   */
  floatPower(self: Tensor, exponent: Tensor): Tensor
  floatPower(self: Tensor, exponent: Scalar): Tensor
  floatPower(self: Scalar, exponent: Tensor): Tensor
  /**
   * The largest integer ≤ x.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.floor.html
   */
  floor(self: Tensor): Tensor
  /**
   * floor(self / other)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html
   */
  floorDivide(self: Tensor | Scalar, other: Tensor | Scalar): Tensor
  /**
   * The remainder with the sign of self, as C's fmod.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmod.html
   */
  fmod(self: Tensor, other: Tensor): Tensor
  fmod(self: Tensor, other: Scalar): Tensor
  /**
   * The fractional part, with the sign of self.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.frac.html
   */
  frac(self: Tensor): Tensor
  /**
   * self ≥ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ge.html
   */
  ge(self: Tensor, other: Tensor): Tensor
  ge(self: Tensor, other: Scalar): Tensor
  /**
   * self > other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.gt.html
   */
  gt(self: Tensor, other: Tensor): Tensor
  gt(self: Tensor, other: Scalar): Tensor
  /**
   * 0 below zero, 1 above zero, and values at zero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.heaviside.html
   */
  heaviside(self: Tensor, values: Tensor): Tensor
  /**
   * √(self² + other²)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.hypot.html
   */
  hypot(self: Tensor, other: Tensor): Tensor
  /**
   * The modified Bessel function of the first kind and order 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.i0.html
   */
  i0(self: Tensor): Tensor
  /**
   * Whether neither infinite nor NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html
   */
  isfinite(self: Tensor): Tensor
  /**
   * Whether infinite.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isinf.html
   */
  isinf(self: Tensor): Tensor
  /**
   * Whether NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isnan.html
   */
  isnan(self: Tensor): Tensor
  /**
   * Whether -∞.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isneginf.html
   */
  isneginf(self: Tensor): Tensor
  /**
   * Whether +∞.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isposinf.html
   */
  isposinf(self: Tensor): Tensor
  /**
   * self * 2^other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ldexp.html
   */
  ldexp(self: Tensor, other: Tensor): Tensor
  /**
   * self ≤ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.le.html
   */
  le(self: Tensor, other: Tensor): Tensor
  le(self: Tensor, other: Scalar): Tensor
  /**
   * self + weight * (end - self)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lerp.html
   */
  lerp(self: Tensor, end: Tensor, weight: Scalar): Tensor
  lerp(self: Tensor, end: Tensor, weight: Tensor): Tensor
  /**
   * ln |Γ(x)|
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lgamma.html
   */
  lgamma(self: Tensor): Tensor
  /**
   * Natural logarithm.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log.html
   */
  log(self: Tensor): Tensor
  /**
   * Logarithm to base 10.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log10.html
   */
  log10(self: Tensor): Tensor
  /**
   * ln(1 + x), accurate near 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log1p.html
   */
  log1p(self: Tensor): Tensor
  /**
   * Logarithm to base 2.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log2.html
   */
  log2(self: Tensor): Tensor
  /**
   * ln(exp(self) + exp(other))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logaddexp.html
   */
  logaddexp(self: Tensor, other: Tensor): Tensor
  /**
   * log2(2^self + 2^other)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logaddexp2.html
   */
  logaddexp2(self: Tensor, other: Tensor): Tensor
  /**
   * Whether both are nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html
   */
  logicalAnd(self: Tensor, other: Tensor): Tensor
  /**
   * Whether zero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html
   */
  logicalNot(self: Tensor): Tensor
  /**
   * Whether at least one is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html
   */
  logicalOr(self: Tensor, other: Tensor): Tensor
  /**
   * Whether exactly one is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logical_xor.html
   */
  logicalXor(self: Tensor, other: Tensor): Tensor
  /**
   * ln(x / (1 - x)), with x first clamped to [eps, 1 - eps].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logit.html
   */
  logit(self: Tensor, options?: { eps?: number | null }): Tensor
  logit(self: Tensor, eps: number | null): Tensor
  /**
   * self < other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.lt.html
   */
  lt(self: Tensor, other: Tensor): Tensor
  lt(self: Tensor, other: Scalar): Tensor
  /**
   * The greater of each pair; NaN if either is NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.maximum.html
   */
  maximum(self: Tensor, other: Tensor): Tensor
  /**
   * The lesser of each pair; NaN if either is NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.minimum.html
   */
  minimum(self: Tensor, other: Tensor): Tensor
  /**
   * The greater of each pair, or the one that is not NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmax.html
   */
  fmax(self: Tensor, other: Tensor): Tensor
  /**
   * The lesser of each pair, or the one that is not NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fmin.html
   */
  fmin(self: Tensor, other: Tensor): Tensor
  /**
   * self * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mul.html
   */
  mul(self: Tensor | Scalar, other: Tensor | Scalar): Tensor
  /**
   * NaN and infinities replaced by finite numbers.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html
   */
  nanToNum(self: Tensor, options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor
  nanToNum(self: Tensor, nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor
  nanToNum(self: Tensor, nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor
  nanToNum(self: Tensor, nan: number | null, posinf: number | null, neginf: number | null): Tensor
  /**
   * self ≠ other, as booleans.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ne.html
   */
  ne(self: Tensor, other: Tensor): Tensor
  ne(self: Tensor, other: Scalar): Tensor
  /**
   * -x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.neg.html
   */
  neg(self: Tensor): Tensor
  /**
   * The next floating-point number after self towards other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nextafter.html
   */
  nextafter(self: Tensor, other: Tensor): Tensor
  /**
   * self to the power exponent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.pow.html
   */
  pow(self: Tensor, exponent: Tensor): Tensor
  pow(self: Tensor, exponent: Scalar): Tensor
  pow(self: Scalar, exponent: Tensor): Tensor
  /**
   * Radians to degrees.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rad2deg.html
   */
  rad2deg(self: Tensor): Tensor
  /**
   * 1 / x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html
   */
  reciprocal(self: Tensor): Tensor
  /**
   * max(0, x)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.relu.html
   */
  relu(self: Tensor): Tensor
  /**
   * The remainder with the sign of other, as Python's %.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.remainder.html
   */
  remainder(self: Tensor, other: Tensor): Tensor
  remainder(self: Tensor, other: Scalar): Tensor
  remainder(self: Scalar, other: Tensor): Tensor
  /**
   * Rounded to the nearest integer, halves to even; or to the given number of decimals.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.round.html
   */
  round(self: Tensor): Tensor
  round(self: Tensor, options: { decimals: number }): Tensor
  /**
   * 1 / √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html
   */
  rsqrt(self: Tensor): Tensor
  /**
   * 1 / (1 + exp(-x))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html
   */
  sigmoid(self: Tensor): Tensor
  /**
   * x / |x|, also for complex numbers; 0 at 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sgn.html
   */
  sgn(self: Tensor): Tensor
  /**
   * -1, 0 or 1.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sign.html
   */
  sign(self: Tensor): Tensor
  /**
   * Whether the sign bit is set.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.signbit.html
   */
  signbit(self: Tensor): Tensor
  /**
   * Sine of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sin.html
   */
  sin(self: Tensor): Tensor
  /**
   * sin(πx) / (πx), 1 at 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sinc.html
   */
  sinc(self: Tensor): Tensor
  /**
   * Hyperbolic sine.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sinh.html
   */
  sinh(self: Tensor): Tensor
  /**
   * √x
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html
   */
  sqrt(self: Tensor): Tensor
  /**
   * x²
   * @see https://docs.pytorch.org/docs/stable/generated/torch.square.html
   */
  square(self: Tensor): Tensor
  /**
   * self - alpha * other
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sub.html
   */
  sub(self: Tensor | Scalar, other: Tensor | Scalar, options?: { alpha?: Scalar }): Tensor
  /**
   * Tangent of radians.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tan.html
   */
  tan(self: Tensor): Tensor
  /**
   * Hyperbolic tangent.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tanh.html
   */
  tanh(self: Tensor): Tensor
  /**
   * Rounded towards zero to an integer.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.trunc.html
   */
  trunc(self: Tensor): Tensor
  /**
   * self * ln(other), 0 where self is 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.xlogy.html
   */
  xlogy(self: Tensor, other: Tensor): Tensor
  xlogy(self: Tensor, other: Scalar): Tensor
  xlogy(self: Scalar, other: Tensor): Tensor
  /**
   * max(0, x) + min(0, α (exp(x / α) - 1))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.celu.html
   */
  celu(self: Tensor, options?: { alpha?: Scalar }): Tensor
  celu(self: Tensor, alpha: Scalar): Tensor
  /**
   * other - alpha * self
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rsub.html
   */
  rsub(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor
  rsub(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor
  rsub(self: Tensor, other: Scalar, alpha: Scalar): Tensor
  /**
   * The self-normalizing ELU.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.selu.html
   */
  selu(self: Tensor): Tensor
  /**
   * x above the threshold, value elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.threshold.html
   */
  threshold(self: Tensor, threshold: Scalar, value: Scalar): Tensor
  /**
   * 0 where |x| ≤ lambd, x elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.hardshrink.html
   */
  hardshrink(self: Tensor, options?: { lambd?: Scalar }): Tensor
  hardshrink(self: Tensor, lambd: Scalar): Tensor
  /**
   * ln(softmax(x)) along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.log_softmax.html
   */
  logSoftmax(self: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor
  logSoftmax(self: Tensor, dim: number, dtype: DType | null): Tensor
  /**
   * x above zero, weight * x below.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.prelu.html
   */
  prelu(self: Tensor, weight: Tensor): Tensor
  /**
   * exp(x) / Σ exp(x) along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.softmax.html
   */
  softmax(self: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor
  softmax(self: Tensor, dim: number, dtype: DType | null): Tensor
  /**
   * Whether all elements are nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.all.html
   */
  all(self: Tensor): Tensor
  all(self: Tensor, dim: number, options?: { keepdim?: boolean }): Tensor
  all(self: Tensor, dim: number, keepdim: boolean): Tensor
  all(self: Tensor, options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
  all(self: Tensor, dim: readonly number[] | null, options?: { keepdim?: boolean }): Tensor
  all(self: Tensor, dim: readonly number[] | null, keepdim: boolean): Tensor
  /**
   * The maximum along dim; ties share its gradient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
   */
  amax(self: Tensor, options?: { dim?: number | readonly number[]; keepdim?: boolean }): Tensor
  amax(self: Tensor, dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  amax(self: Tensor, dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * The minimum along dim; ties share its gradient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.amin.html
   */
  amin(self: Tensor, options?: { dim?: number | readonly number[]; keepdim?: boolean }): Tensor
  amin(self: Tensor, dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  amin(self: Tensor, dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * Minimum and maximum.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.aminmax.html
   */
  aminmax(self: Tensor, options?: { dim?: number | null; keepdim?: boolean }): [Tensor, Tensor]
  /**
   * Whether any element is nonzero.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.any.html
   */
  any(self: Tensor): Tensor
  any(self: Tensor, dim: number, options?: { keepdim?: boolean }): Tensor
  any(self: Tensor, dim: number, keepdim: boolean): Tensor
  any(self: Tensor, options?: { dim?: readonly number[] | null; keepdim?: boolean }): Tensor
  any(self: Tensor, dim: readonly number[] | null, options?: { keepdim?: boolean }): Tensor
  any(self: Tensor, dim: readonly number[] | null, keepdim: boolean): Tensor
  /**
   * The index of the maximum, in the flattened tensor or along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
   */
  argmax(self: Tensor, options?: { dim?: number | null; keepdim?: boolean }): Tensor
  argmax(self: Tensor, dim: number | null, options?: { keepdim?: boolean }): Tensor
  argmax(self: Tensor, dim: number | null, keepdim: boolean): Tensor
  /**
   * The index of the minimum, in the flattened tensor or along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argmin.html
   */
  argmin(self: Tensor, options?: { dim?: number | null; keepdim?: boolean }): Tensor
  argmin(self: Tensor, dim: number | null, options?: { keepdim?: boolean }): Tensor
  argmin(self: Tensor, dim: number | null, keepdim: boolean): Tensor
  /**
   * The correlation coefficients of variables in rows and observations in columns.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.corrcoef.html
   */
  corrcoef(self: Tensor): Tensor
  /**
   * The number of nonzero elements.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.count_nonzero.html
   */
  countNonzero(self: Tensor, dim: readonly number[]): Tensor
  countNonzero(self: Tensor, options?: { dim?: number | null }): Tensor
  countNonzero(self: Tensor, dim: number | null): Tensor
  /**
   * The covariance matrix of variables in rows and observations in columns.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cov.html
   */
  cov(self: Tensor, options?: { correction?: number; fweights?: Tensor | null; aweights?: Tensor | null }): Tensor
  /**
   * The cumulative maximum along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cummax.html
   */
  cummax(self: Tensor, dim: number): [Tensor, Tensor]
  /**
   * The cumulative minimum along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cummin.html
   */
  cummin(self: Tensor, dim: number): [Tensor, Tensor]
  /**
   * The cumulative product along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html
   */
  cumprod(self: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor
  /**
   * The cumulative sum along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html
   */
  cumsum(self: Tensor, dim: number, options?: { dtype?: DType | null }): Tensor
  /**
   * Differences of neighbors along dim, n times.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diff.html
   */
  diff(self: Tensor, options?: { n?: number; dim?: number; prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(self: Tensor, n: number, options?: { dim?: number; prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(self: Tensor, n: number, dim: number, options?: { prepend?: Tensor | null; append?: Tensor | null }): Tensor
  diff(self: Tensor, n: number, dim: number, prepend: Tensor | null, options?: { append?: Tensor | null }): Tensor
  diff(self: Tensor, n: number, dim: number, prepend: Tensor | null, append: Tensor | null): Tensor
  /**
   * The p-norm of self - other.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dist.html
   */
  dist(self: Tensor, other: Tensor, options?: { p?: Scalar }): Tensor
  dist(self: Tensor, other: Tensor, p: Scalar): Tensor
  /**
   * The k-th smallest element along dim (k from 1), and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.kthvalue.html
   */
  kthvalue(self: Tensor, k: number, options?: { dim?: number; keepdim?: boolean }): [Tensor, Tensor]
  kthvalue(self: Tensor, k: number, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  kthvalue(self: Tensor, k: number, dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The logarithm of the cumulative sum of exponentials along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logcumsumexp.html
   */
  logcumsumexp(self: Tensor, dim: number): Tensor
  /**
   * ln Σ exp(x) along dim, without overflow.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html
   */
  logsumexp(self: Tensor, dim: number | readonly number[], options?: { keepdim?: boolean }): Tensor
  logsumexp(self: Tensor, dim: number | readonly number[], keepdim: boolean): Tensor
  /**
   * The maximum; with dim, also its index; with a tensor, element by element.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.max.html
   */
  max(self: Tensor): Tensor
  max(self: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  max(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor]
  max(self: Tensor, other: Tensor): Tensor
  /**
   * The mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mean.html
   */
  mean(self: Tensor, options?: { dtype?: DType | null }): Tensor
  mean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  mean(
    self: Tensor,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  /**
   * The lower median; with dim, also its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.median.html
   */
  median(self: Tensor): Tensor
  median(self: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  median(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The minimum; with dim, also its index; with a tensor, element by element.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.min.html
   */
  min(self: Tensor): Tensor
  min(self: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  min(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor]
  min(self: Tensor, other: Tensor): Tensor
  /**
   * The most frequent value along dim, and its index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mode.html
   */
  mode(self: Tensor, options?: { dim?: number; keepdim?: boolean }): [Tensor, Tensor]
  mode(self: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  mode(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The mean, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nanmean.html
   */
  nanmean(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  nanmean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  nanmean(
    self: Tensor,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  /**
   * The lower median, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nanmedian.html
   */
  nanmedian(self: Tensor): Tensor
  nanmedian(self: Tensor, dim: number, options?: { keepdim?: boolean }): [Tensor, Tensor]
  nanmedian(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor]
  /**
   * The sum, ignoring NaN.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nansum.html
   */
  nansum(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  nansum(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  nansum(
    self: Tensor,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  /**
   * The p-norm (default 2), of the flattened tensor or along dim; for matrices also 'nuc'.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.norm.html
   */
  norm(
    self: Tensor,
    options?: { p?: Scalar | null; dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: Scalar | null,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: Scalar | null,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: Scalar | null,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: Scalar | null,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    dtype: DType | null,
  ): Tensor
  norm(
    self: Tensor,
    p: string,
    options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: string,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  norm(
    self: Tensor,
    p: string,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  norm(self: Tensor, p: string, dim: number | readonly number[] | null, keepdim: boolean, dtype: DType | null): Tensor
  /**
   * The product.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.prod.html
   */
  prod(self: Tensor, options?: { dtype?: DType | null }): Tensor
  prod(self: Tensor, dim: number, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor
  prod(self: Tensor, dim: number, keepdim: boolean, options?: { dtype?: DType | null }): Tensor
  /**
   * The q-quantile, by linear interpolation.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.quantile.html
   */
  quantile(
    self: Tensor,
    q: Tensor,
    options?: { dim?: number | null; keepdim?: boolean; interpolation?: string },
  ): Tensor
  quantile(self: Tensor, q: Tensor, dim: number | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor
  quantile(self: Tensor, q: Tensor, dim: number | null, keepdim: boolean, options?: { interpolation?: string }): Tensor
  quantile(
    self: Tensor,
    q: number,
    options?: { dim?: number | null; keepdim?: boolean; interpolation?: string },
  ): Tensor
  quantile(self: Tensor, q: number, dim: number | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor
  quantile(self: Tensor, q: number, dim: number | null, keepdim: boolean, options?: { interpolation?: string }): Tensor
  /**
   * The standard deviation, with Bessel's correction.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.std.html
   */
  std(self: Tensor, options?: { unbiased?: boolean }): Tensor
  std(self: Tensor, unbiased: boolean): Tensor
  std(self: Tensor, dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor
  std(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor
  std(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): Tensor
  std(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean },
  ): Tensor
  std(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): Tensor
  /**
   * Standard deviation and mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.std_mean.html
   */
  stdMean(self: Tensor, options?: { unbiased?: boolean }): [Tensor, Tensor]
  stdMean(self: Tensor, unbiased: boolean): [Tensor, Tensor]
  stdMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { unbiased?: boolean; keepdim?: boolean },
  ): [Tensor, Tensor]
  stdMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    unbiased: boolean,
    options?: { keepdim?: boolean },
  ): [Tensor, Tensor]
  stdMean(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor]
  stdMean(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  stdMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  /**
   * The sum.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sum.html
   */
  sum(self: Tensor, options?: { dtype?: DType | null }): Tensor
  sum(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor
  sum(
    self: Tensor,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    options?: { dtype?: DType | null },
  ): Tensor
  /**
   * The sum of a matrix's diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.trace.html
   */
  trace(self: Tensor): Tensor
  /**
   * The variance, with Bessel's correction.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.var.html
   */
  var(self: Tensor, options?: { unbiased?: boolean }): Tensor
  var(self: Tensor, unbiased: boolean): Tensor
  var(self: Tensor, dim: number | readonly number[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor
  var(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor
  var(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): Tensor
  var(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean },
  ): Tensor
  var(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): Tensor
  /**
   * Variance and mean.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html
   */
  varMean(self: Tensor, options?: { unbiased?: boolean }): [Tensor, Tensor]
  varMean(self: Tensor, unbiased: boolean): [Tensor, Tensor]
  varMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { unbiased?: boolean; keepdim?: boolean },
  ): [Tensor, Tensor]
  varMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    unbiased: boolean,
    options?: { keepdim?: boolean },
  ): [Tensor, Tensor]
  varMean(self: Tensor, dim: number | readonly number[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor]
  varMean(
    self: Tensor,
    options?: { dim?: number | readonly number[] | null; correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  varMean(
    self: Tensor,
    dim: number | readonly number[] | null,
    options?: { correction?: Scalar | null; keepdim?: boolean },
  ): [Tensor, Tensor]
  /**
   * Whether shapes and all elements are equal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.equal.html
   */
  equal(self: Tensor, other: Tensor): boolean
  /**
   * Whether all |self - other| ≤ atol + rtol |other|.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.allclose.html
   */
  allclose(self: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean
  allclose(self: Tensor, other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): boolean
  allclose(self: Tensor, other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): boolean
  allclose(self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: boolean): boolean
  /**
   * Where |self - other| ≤ atol + rtol |other|.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isclose.html
   */
  isclose(self: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor
  isclose(self: Tensor, other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): Tensor
  isclose(self: Tensor, other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): Tensor
  isclose(self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor
  /**
   * beta self + alpha Σ batch1 @ batch2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addbmm.html
   */
  addbmm(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha mat1 @ mat2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addmm.html
   */
  addmm(self: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha mat @ vec
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addmv.html
   */
  addmv(self: Tensor, mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha vec1 ⊗ vec2
   * @see https://docs.pytorch.org/docs/stable/generated/torch.addr.html
   */
  addr(self: Tensor, vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * beta self + alpha batch1 @ batch2, batch by batch.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.baddbmm.html
   */
  baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor
  /**
   * Matrix products batch by batch: (B, n, m) @ (B, m, p).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bmm.html
   */
  bmm(self: Tensor, mat2: Tensor): Tensor
  /**
   * The cross product of 3-vectors along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cross.html
   */
  cross(self: Tensor, other: Tensor, options?: { dim?: number | null }): Tensor
  cross(self: Tensor, other: Tensor, dim: number | null): Tensor
  /**
   * The inner product of two vectors.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dot.html
   */
  dot(self: Tensor, tensor: Tensor): Tensor
  /**
   * Inner products of the last dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.inner.html
   */
  inner(self: Tensor, other: Tensor): Tensor
  /**
   * The inverse of square matrices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.inverse.html
   */
  inverse(self: Tensor): Tensor
  /**
   * The Kronecker product.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.kron.html
   */
  kron(self: Tensor, other: Tensor): Tensor
  /**
   * The matrix product, batched and broadcast over all but the last two dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.matmul.html
   */
  matmul(self: Tensor, other: Tensor): Tensor
  /**
   * The matrix exponential.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.matrix_exp.html
   */
  matrixExp(self: Tensor): Tensor
  /**
   * The matrix product (n, m) @ (m, p).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mm.html
   */
  mm(self: Tensor, mat2: Tensor): Tensor
  /**
   * Matrix (n, m) times vector (m).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.mv.html
   */
  mv(self: Tensor, vec: Tensor): Tensor
  /**
   * The outer product of two vectors.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.outer.html
   */
  outer(self: Tensor, vec2: Tensor): Tensor
  /**
   * The inner product, with the first vector conjugated.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.vdot.html
   */
  vdot(self: Tensor, other: Tensor): Tensor
  /**
   * x1ᵀ W x2 + b
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bilinear.html
   */
  bilinear(input1: Tensor, input2: Tensor, weight: Tensor, options?: { bias?: Tensor | null }): Tensor
  bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | null): Tensor
  /**
   * The p-norm distance of each pair of rows.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cdist.html
   */
  cdist(x1: Tensor, x2: Tensor, options?: { p?: number; computeMode?: number | null }): Tensor
  cdist(x1: Tensor, x2: Tensor, p: number, options?: { computeMode?: number | null }): Tensor
  cdist(x1: Tensor, x2: Tensor, p: number, computeMode: number | null): Tensor
  /**
   * The cumulative integral along dim, by the trapezoidal rule, for sample points x or a spacing dx (default 1).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cumulative_trapezoid.html
   */
  cumulativeTrapezoid(y: Tensor, x: Tensor, options?: { dim?: number }): Tensor
  cumulativeTrapezoid(y: Tensor, options?: { dx?: Scalar; dim?: number }): Tensor
  /**
   * Random numbers from normal distributions, with a mean and std for each; with a size, the same for all.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.normal.html
   */
  normal(mean: Tensor, std: Tensor, options?: { generator?: Generator | null }): Tensor
  normal(mean: Tensor, options?: { std?: number; generator?: Generator | null }): Tensor
  normal(mean: Tensor, std: number, options?: { generator?: Generator | null }): Tensor
  normal(mean: number, std: Tensor, options?: { generator?: Generator | null }): Tensor
  normal(
    mean: number,
    std: number,
    size: readonly number[],
    options?: { generator?: Generator | null; dtype?: DType | null; device?: Device | null },
  ): Tensor
  /**
   * The integral along dim, by the trapezoidal rule, for sample points x or a spacing dx (default 1).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.trapezoid.html
   */
  trapezoid(y: Tensor, x: Tensor, options?: { dim?: number }): Tensor
  trapezoid(y: Tensor, options?: { dx?: Scalar; dim?: number }): Tensor
  /**
   * The product of matrices in the cheapest order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.chain_matmul.html
   */
  chainMatmul(matrices: readonly Tensor[]): Tensor
  /**
   * Sums of products in Einstein notation: einsum('bij,bjk->bik', [a, b]).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.einsum.html
   */
  einsum(equation: string, tensors: readonly Tensor[], options?: { path?: readonly number[] | null }): Tensor
  /**
   * Contraction of the last dims dimensions of self with the first dims of other (default 2), or of the given dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tensordot.html
   */
  tensordot(self: Tensor, other: Tensor, options?: { dims?: number }): Tensor
  tensordot(self: Tensor, other: Tensor, dims: number): Tensor
  tensordot(self: Tensor, other: Tensor, dims: readonly (readonly number[])[]): Tensor
  tensordot(self: Tensor, other: Tensor, dimsSelf: readonly number[], dimsOther: readonly number[]): Tensor
  /**
   * A view repeated to the size.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.broadcast_to.html
   */
  broadcastTo(self: Tensor, size: readonly number[]): Tensor
  /**
   * A copy that passes gradients on to the original.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.clone.html
   */
  clone(self: Tensor, options?: { memoryFormat?: 'contiguous' | 'preserve' | 'channelsLast' | null }): Tensor
  /**
   * The same memory, detached from the graph.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.detach.html
   */
  detach(self: Tensor): Tensor
  /**
   * The diagonal of a matrix, or the matrix of a diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diag.html
   */
  diag(self: Tensor, options?: { diagonal?: number }): Tensor
  diag(self: Tensor, diagonal: number): Tensor
  /**
   * Matrices with the last dimension on their diagonal.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diag_embed.html
   */
  diagEmbed(self: Tensor, options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
  diagEmbed(self: Tensor, offset: number, options?: { dim1?: number; dim2?: number }): Tensor
  diagEmbed(self: Tensor, offset: number, dim1: number, options?: { dim2?: number }): Tensor
  diagEmbed(self: Tensor, offset: number, dim1: number, dim2: number): Tensor
  /**
   * A view of the diagonal in two dimensions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.diagonal.html
   */
  diagonal(self: Tensor, options?: { offset?: number; dim1?: number; dim2?: number }): Tensor
  diagonal(self: Tensor, offset: number, options?: { dim1?: number; dim2?: number }): Tensor
  diagonal(self: Tensor, offset: number, dim1: number, options?: { dim2?: number }): Tensor
  diagonal(self: Tensor, offset: number, dim1: number, dim2: number): Tensor
  /**
   * Dimensions startDim to endDim flattened into one.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
   */
  flatten(self: Tensor, options?: { startDim?: number; endDim?: number }): Tensor
  flatten(self: Tensor, startDim: number, options?: { endDim?: number }): Tensor
  flatten(self: Tensor, startDim: number, endDim: number): Tensor
  /**
   * The order reversed along dims.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flip.html
   */
  flip(self: Tensor, dims: readonly number[]): Tensor
  /**
   * Columns in reverse order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.fliplr.html
   */
  fliplr(self: Tensor): Tensor
  /**
   * Rows in reverse order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.flipud.html
   */
  flipud(self: Tensor): Tensor
  /**
   * Dimensions moved to other positions.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.movedim.html
   */
  movedim(self: Tensor, source: readonly number[], destination: readonly number[]): Tensor
  movedim(self: Tensor, source: number, destination: number): Tensor
  /**
   * The elements start to start + length along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.narrow.html
   */
  narrow(self: Tensor, dim: number, start: number, length: number): Tensor
  narrow(self: Tensor, dim: number, start: Tensor, length: number): Tensor
  /**
   * The dimensions in another order.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.permute.html
   */
  permute(self: Tensor, dims: readonly number[]): Tensor
  /**
   * All elements in one dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.ravel.html
   */
  ravel(self: Tensor): Tensor
  /**
   * Each element repeated; with repeats only, each index repeated that often.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html
   */
  repeatInterleave(self: Tensor, repeats: number, options?: { dim?: number | null; outputSize?: number | null }): Tensor
  repeatInterleave(self: Tensor, repeats: number, dim: number | null, options?: { outputSize?: number | null }): Tensor
  repeatInterleave(self: Tensor, repeats: Tensor, options?: { dim?: number | null; outputSize?: number | null }): Tensor
  repeatInterleave(self: Tensor, repeats: Tensor, dim: number | null, options?: { outputSize?: number | null }): Tensor
  repeatInterleave(repeats: Tensor, options?: { outputSize?: number | null }): Tensor
  /**
   * Another shape for the same elements in row-major order; -1 is inferred.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
   */
  reshape(self: Tensor, shape: readonly number[]): Tensor
  /**
   * Elements shifted along dims; those pushed off the end return at the front.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.roll.html
   */
  roll(self: Tensor, shifts: number | readonly number[], options?: { dims?: number | readonly number[] }): Tensor
  roll(self: Tensor, shifts: number | readonly number[], dims: number | readonly number[]): Tensor
  /**
   * A rotation by 90 degrees, k times.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.rot90.html
   */
  rot90(self: Tensor, options?: { k?: number; dims?: readonly number[] }): Tensor
  rot90(self: Tensor, k: number, options?: { dims?: readonly number[] }): Tensor
  rot90(self: Tensor, k: number, dims: readonly number[]): Tensor
  /**
   * The slice at one index along dim; dim is removed.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.select.html
   */
  select(self: Tensor, dim: number, index: number): Tensor
  /**
   * Without dimensions of size 1.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html
   */
  squeeze(self: Tensor): Tensor
  squeeze(self: Tensor, dim: number): Tensor
  squeeze(self: Tensor, dim: readonly number[]): Tensor
  /**
   * Two dimensions exchanged.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.swapaxes.html
   */
  swapaxes(self: Tensor, axis0: number, axis1: number): Tensor
  /**
   * The transpose of a matrix.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.t.html
   */
  t(self: Tensor): Tensor
  /**
   * Copies along each dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tile.html
   */
  tile(self: Tensor, dims: readonly number[]): Tensor
  /**
   * Two dimensions exchanged.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.transpose.html
   */
  transpose(self: Tensor, dim0: number, dim1: number): Tensor
  /**
   * The lower triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tril.html
   */
  tril(self: Tensor, options?: { diagonal?: number }): Tensor
  tril(self: Tensor, diagonal: number): Tensor
  /**
   * The upper triangle, zeros elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.triu.html
   */
  triu(self: Tensor, options?: { diagonal?: number }): Tensor
  triu(self: Tensor, diagonal: number): Tensor
  /**
   * One dimension split into several.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html
   */
  unflatten(self: Tensor, dim: number, sizes: readonly number[]): Tensor
  /**
   * With a dimension of size 1 inserted.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html
   */
  unsqueeze(self: Tensor, dim: number): Tensor
  /**
   * Complex numbers as pairs: (…) -> (…, 2).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.view_as_real.html
   */
  viewAsReal(self: Tensor): Tensor
  /**
   * Pairs as complex numbers: (…, 2) -> (…).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.view_as_complex.html
   */
  viewAsComplex(self: Tensor): Tensor
  /**
   * Matrices along the diagonal of a larger one.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.block_diag.html
   */
  blockDiag(tensors: readonly Tensor[]): Tensor
  /**
   * All tensors broadcast to their common shape.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.broadcast_tensors.html
   */
  broadcastTensors(tensors: readonly Tensor[]): Tensor[]
  /**
   * The interval of sorted boundaries that each element falls in.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bucketize.html
   */
  bucketize(self: Tensor, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }): Tensor
  bucketize(self: Scalar, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }): Tensor
  /**
   * All combinations of the elements of vectors.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cartesian_prod.html
   */
  cartesianProd(tensors: readonly Tensor[]): Tensor
  /**
   * Tensors concatenated along dim (default 0).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cat.html
   */
  cat(tensors: readonly Tensor[], options?: { dim?: number }): Tensor
  cat(tensors: readonly Tensor[], dim: number): Tensor
  /**
   * The r-combinations of a vector's elements.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.combinations.html
   */
  combinations(self: Tensor, options?: { r?: number; withReplacement?: boolean }): Tensor
  combinations(self: Tensor, r: number, options?: { withReplacement?: boolean }): Tensor
  combinations(self: Tensor, r: number, withReplacement: boolean): Tensor
  /**
   * real + i imag
   * @see https://docs.pytorch.org/docs/stable/generated/torch.complex.html
   */
  complex(real: Tensor, imag: Tensor): Tensor
  /**
   * Tensors concatenated along the third dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dstack.html
   */
  dstack(tensors: readonly Tensor[]): Tensor
  /**
   * Rows of weight picked by integer indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.embedding.html
   */
  embedding(
    weight: Tensor,
    indices: Tensor,
    options?: { paddingIdx?: number; scaleGradByFreq?: boolean; sparse?: boolean },
  ): Tensor
  embedding(
    weight: Tensor,
    indices: Tensor,
    paddingIdx: number,
    options?: { scaleGradByFreq?: boolean; sparse?: boolean },
  ): Tensor
  embedding(
    weight: Tensor,
    indices: Tensor,
    paddingIdx: number,
    scaleGradByFreq: boolean,
    options?: { sparse?: boolean },
  ): Tensor
  embedding(weight: Tensor, indices: Tensor, paddingIdx: number, scaleGradByFreq: boolean, sparse: boolean): Tensor
  /**
   * Tensors concatenated along the second dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.hstack.html
   */
  hstack(tensors: readonly Tensor[]): Tensor
  /**
   * A view of the imaginary part of complex numbers.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.imag.html
   */
  imag(self: Tensor): Tensor
  /**
   * Coordinate grids of vectors; indexing 'ij' or 'xy'.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.meshgrid.html
   */
  meshgrid(tensors: readonly Tensor[], options: { indexing: string }): Tensor[]
  meshgrid(tensors: readonly Tensor[]): Tensor[]
  /**
   * abs * exp(i angle)
   * @see https://docs.pytorch.org/docs/stable/generated/torch.polar.html
   */
  polar(abs: Tensor, angle: Tensor): Tensor
  /**
   * A view of the real part of complex numbers; real tensors are returned as they are.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.real.html
   */
  real(self: Tensor): Tensor
  /**
   * Where each value would be inserted into a sorted sequence.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.searchsorted.html
   */
  searchsorted(
    sortedSequence: Tensor,
    self: Tensor,
    options?: { outInt32?: boolean; right?: boolean; side?: string | null; sorter?: Tensor | null },
  ): Tensor
  searchsorted(
    sortedSequence: Tensor,
    self: Scalar,
    options?: { outInt32?: boolean; right?: boolean; side?: string | null; sorter?: Tensor | null },
  ): Tensor
  /**
   * Tensors concatenated along a new dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.stack.html
   */
  stack(tensors: readonly Tensor[], options?: { dim?: number }): Tensor
  stack(tensors: readonly Tensor[], dim: number): Tensor
  /**
   * Nearly equal parts along dim, or split at the given indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tensor_split.html
   */
  tensorSplit(self: Tensor, sections: number, options?: { dim?: number }): Tensor[]
  tensorSplit(self: Tensor, sections: number, dim: number): Tensor[]
  tensorSplit(self: Tensor, indices: readonly number[], options?: { dim?: number }): Tensor[]
  tensorSplit(self: Tensor, indices: readonly number[], dim: number): Tensor[]
  tensorSplit(self: Tensor, tensorIndicesOrSections: Tensor, options?: { dim?: number }): Tensor[]
  tensorSplit(self: Tensor, tensorIndicesOrSections: Tensor, dim: number): Tensor[]
  /**
   * Row and column numbers of the lower triangle.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.tril_indices.html
   */
  trilIndices(
    row: number,
    col: number,
    options?: { offset?: number; dtype?: DType | null; device?: Device | null },
  ): Tensor
  trilIndices(
    row: number,
    col: number,
    offset: number,
    options?: { dtype?: DType | null; device?: Device | null },
  ): Tensor
  /**
   * Row and column numbers of the upper triangle.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.triu_indices.html
   */
  triuIndices(
    row: number,
    col: number,
    options?: { offset?: number; dtype?: DType | null; device?: Device | null },
  ): Tensor
  triuIndices(
    row: number,
    col: number,
    offset: number,
    options?: { dtype?: DType | null; device?: Device | null },
  ): Tensor
  /**
   * Powers of a vector's elements as columns.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.vander.html
   */
  vander(x: Tensor, options?: { N?: number | null; increasing?: boolean }): Tensor
  vander(x: Tensor, N: number | null, options?: { increasing?: boolean }): Tensor
  vander(x: Tensor, N: number | null, increasing: boolean): Tensor
  /**
   * Tensors concatenated along the first dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.vstack.html
   */
  vstack(tensors: readonly Tensor[]): Tensor
  /**
   * self where the condition is true, other elsewhere.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.where.html
   */
  where(condition: Tensor, self: Tensor, other: Tensor): Tensor
  where(condition: Tensor, self: Tensor, other: Scalar): Tensor
  where(condition: Tensor, self: Scalar, other: Tensor): Tensor
  where(condition: Tensor, self: Scalar, other: Scalar): Tensor
  where(condition: Tensor): Tensor[]
  /**
   * The indices that would sort along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.argsort.html
   */
  argsort(self: Tensor, options?: { dim?: number; descending?: boolean }): Tensor
  argsort(self: Tensor, dim: number, options?: { descending?: boolean }): Tensor
  argsort(self: Tensor, dim: number, descending: boolean): Tensor
  argsort(self: Tensor, options: { stable: boolean; dim?: number; descending?: boolean }): Tensor
  /**
   * The number of occurrences of each non-negative integer.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bincount.html
   */
  bincount(self: Tensor, options?: { weights?: Tensor | null; minlength?: number }): Tensor
  bincount(self: Tensor, weights: Tensor | null, options?: { minlength?: number }): Tensor
  bincount(self: Tensor, weights: Tensor | null, minlength: number): Tensor
  /**
   * Views of the given number of parts along dim; the last may be smaller.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.chunk.html
   */
  chunk(self: Tensor, chunks: number, options?: { dim?: number }): Tensor[]
  chunk(self: Tensor, chunks: number, dim: number): Tensor[]
  /**
   * Elements picked along dim by index.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.gather.html
   */
  gather(self: Tensor, dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor
  /**
   * Counts in equal bins from min to max.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.histc.html
   */
  histc(self: Tensor, options?: { bins?: number; min?: Scalar; max?: Scalar }): Tensor
  histc(self: Tensor, bins: number, options?: { min?: Scalar; max?: Scalar }): Tensor
  histc(self: Tensor, bins: number, min: Scalar, options?: { max?: Scalar }): Tensor
  histc(self: Tensor, bins: number, min: Scalar, max: Scalar): Tensor
  /**
   * A copy with alpha * source added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_add.html
   */
  indexAdd(self: Tensor, dim: number, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor
  /**
   * A copy with source at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_copy.html
   */
  indexCopy(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor
  /**
   * A copy with value at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_fill.html
   */
  indexFill(self: Tensor, dim: number, index: Tensor, value: Scalar): Tensor
  indexFill(self: Tensor, dim: number, index: Tensor, value: Tensor): Tensor
  /**
   * The slices at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.index_select.html
   */
  indexSelect(self: Tensor, dim: number, index: Tensor): Tensor
  /**
   * Whether each element is among testElements.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.isin.html
   */
  isin(elements: Tensor, testElements: Tensor, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor
  isin(elements: Tensor, testElement: Scalar, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor
  isin(element: Scalar, testElements: Tensor, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor
  /**
   * A copy with value where the mask is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_fill.html
   */
  maskedFill(self: Tensor, mask: Tensor, value: Scalar): Tensor
  maskedFill(self: Tensor, mask: Tensor, value: Tensor): Tensor
  /**
   * A copy with the elements of source, in order, where the mask is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_scatter.html
   */
  maskedScatter(self: Tensor, mask: Tensor, source: Tensor): Tensor
  /**
   * The elements where the mask is true, in one dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.masked_select.html
   */
  maskedSelect(self: Tensor, mask: Tensor): Tensor
  /**
   * Sorted along the first dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.msort.html
   */
  msort(self: Tensor): Tensor
  /**
   * Random indices, drawn with probabilities proportional to each row.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html
   */
  multinomial(
    self: Tensor,
    numSamples: number,
    options?: { replacement?: boolean; generator?: Generator | null },
  ): Tensor
  multinomial(
    self: Tensor,
    numSamples: number,
    replacement: boolean,
    options?: { generator?: Generator | null },
  ): Tensor
  /**
   * The indices of nonzero elements: (n, dimensions).
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html
   */
  nonzero(self: Tensor): Tensor
  /**
   * 1 with the probability given by the element, else 0.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html
   */
  bernoulli(self: Tensor, options?: { generator?: Generator | null }): Tensor
  bernoulli(self: Tensor, p: number, options?: { generator?: Generator | null }): Tensor
  /**
   * A copy with source at indices into the flattened tensor.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.put.html
   */
  put(self: Tensor, index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor
  put(self: Tensor, index: Tensor, source: Tensor, accumulate: boolean): Tensor
  /**
   * A copy with the elements of src at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.scatter.html
   */
  scatter(self: Tensor, dim: number, index: Tensor, src: Tensor): Tensor
  scatter(self: Tensor, dim: number, index: Tensor, value: Scalar): Tensor
  scatter(self: Tensor, dim: number, index: Tensor, src: Tensor, options: { reduce: string }): Tensor
  scatter(self: Tensor, dim: number, index: Tensor, value: Scalar, options: { reduce: string }): Tensor
  /**
   * A copy with the elements of src added at the indices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.scatter_add.html
   */
  scatterAdd(self: Tensor, dim: number, index: Tensor, src: Tensor): Tensor
  /**
   * Sorted along dim, and the indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.sort.html
   */
  sort(self: Tensor, options?: { dim?: number; descending?: boolean }): [Tensor, Tensor]
  sort(self: Tensor, dim: number, options?: { descending?: boolean }): [Tensor, Tensor]
  sort(self: Tensor, dim: number, descending: boolean): [Tensor, Tensor]
  sort(self: Tensor, options?: { stable?: boolean | null; dim?: number; descending?: boolean }): [Tensor, Tensor]
  /**
   * Views of parts along dim, all of one size or of the given sizes.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.split.html
   */
  split(self: Tensor, splitSize: number, options?: { dim?: number }): Tensor[]
  split(self: Tensor, splitSize: number, dim: number): Tensor[]
  split(self: Tensor, splitSize: readonly number[], options?: { dim?: number }): Tensor[]
  split(self: Tensor, splitSize: readonly number[], dim: number): Tensor[]
  /**
   * The elements at indices into the flattened tensor.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.take.html
   */
  take(self: Tensor, index: Tensor): Tensor
  /**
   * Elements picked along dim by index, broadcast.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.take_along_dim.html
   */
  takeAlongDim(self: Tensor, indices: Tensor, options?: { dim?: number | null }): Tensor
  takeAlongDim(self: Tensor, indices: Tensor, dim: number | null): Tensor
  /**
   * The k largest elements along dim, and their indices.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.topk.html
   */
  topk(self: Tensor, k: number, options?: { dim?: number; largest?: boolean; sorted?: boolean }): [Tensor, Tensor]
  topk(self: Tensor, k: number, dim: number, options?: { largest?: boolean; sorted?: boolean }): [Tensor, Tensor]
  topk(self: Tensor, k: number, dim: number, largest: boolean, options?: { sorted?: boolean }): [Tensor, Tensor]
  topk(self: Tensor, k: number, dim: number, largest: boolean, sorted: boolean): [Tensor, Tensor]
  /**
   * Views of all slices along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unbind.html
   */
  unbind(self: Tensor, options?: { dim?: number }): Tensor[]
  unbind(self: Tensor, dim: number): Tensor[]
  /**
   * The distinct values, sorted on request; then the index of each element among them, and the count of each value: both have shape (0) unless requested.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unique.html
   */
  unique(
    self: Tensor,
    options?: { sorted?: boolean; returnInverse?: boolean; returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    self: Tensor,
    sorted: boolean,
    options?: { returnInverse?: boolean; returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    self: Tensor,
    sorted: boolean,
    returnInverse: boolean,
    options?: { returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    self: Tensor,
    sorted: boolean,
    returnInverse: boolean,
    returnCounts: boolean,
    options?: { dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  unique(
    self: Tensor,
    sorted: boolean,
    returnInverse: boolean,
    returnCounts: boolean,
    dim: number | null,
  ): [Tensor, Tensor, Tensor]
  /**
   * Without consecutive repetitions; with indices and counts on request.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.unique_consecutive.html
   */
  uniqueConsecutive(
    self: Tensor,
    options?: { returnInverse?: boolean; returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  uniqueConsecutive(
    self: Tensor,
    returnInverse: boolean,
    options?: { returnCounts?: boolean; dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  uniqueConsecutive(
    self: Tensor,
    returnInverse: boolean,
    returnCounts: boolean,
    options?: { dim?: number | null },
  ): [Tensor, Tensor, Tensor]
  uniqueConsecutive(
    self: Tensor,
    returnInverse: boolean,
    returnCounts: boolean,
    dim: number | null,
  ): [Tensor, Tensor, Tensor]
  /**
   * Dropout that keeps mean and variance of SELU activations.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.alpha_dropout.html
   */
  alphaDropout(input: Tensor, p: number, train: boolean): Tensor
  /**
   * Means of windows: (N, C, L) -> (N, C, L').
   * @see https://docs.pytorch.org/docs/stable/generated/torch.avg_pool1d.html
   */
  avgPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    options?: {
      stride?: number | readonly number[]
      padding?: number | readonly number[]
      ceilMode?: boolean
      countIncludePad?: boolean
    },
  ): Tensor
  avgPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    options?: { padding?: number | readonly number[]; ceilMode?: boolean; countIncludePad?: boolean },
  ): Tensor
  avgPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    options?: { ceilMode?: boolean; countIncludePad?: boolean },
  ): Tensor
  avgPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    ceilMode: boolean,
    options?: { countIncludePad?: boolean },
  ): Tensor
  avgPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    ceilMode: boolean,
    countIncludePad: boolean,
  ): Tensor
  /**
   * Normalization over the batch, by channel.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.batch_norm.html
   */
  batchNorm(
    input: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    training: boolean,
    momentum: number,
    eps: number,
    cudnnEnabled: boolean,
  ): Tensor
  /**
   * Cross-correlation: (N, C, L) -> (N, C', L').
   * @see https://docs.pytorch.org/docs/stable/generated/torch.conv1d.html
   */
  conv1d(
    input: Tensor,
    weight: Tensor,
    options?: {
      bias?: Tensor | null
      stride?: number | readonly number[]
      padding?: number | readonly number[]
      dilation?: number | readonly number[]
      groups?: number
    },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    options?: {
      stride?: number | readonly number[]
      padding?: number | readonly number[]
      dilation?: number | readonly number[]
      groups?: number
    },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    options?: { padding?: number | readonly number[]; dilation?: number | readonly number[]; groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: number | readonly number[],
    options?: { dilation?: number | readonly number[]; groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: number | readonly number[],
    dilation: number | readonly number[],
    options?: { groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: number | readonly number[],
    dilation: number | readonly number[],
    groups: number,
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    options?: {
      bias?: Tensor | null
      stride?: number | readonly number[]
      padding?: string
      dilation?: number | readonly number[]
      groups?: number
    },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    options?: {
      stride?: number | readonly number[]
      padding?: string
      dilation?: number | readonly number[]
      groups?: number
    },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    options?: { padding?: string; dilation?: number | readonly number[]; groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: string,
    options?: { dilation?: number | readonly number[]; groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: string,
    dilation: number | readonly number[],
    options?: { groups?: number },
  ): Tensor
  conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    stride: number | readonly number[],
    padding: string,
    dilation: number | readonly number[],
    groups: number,
  ): Tensor
  /**
   * x1 · x2 / (|x1| |x2|) along dim.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.cosine_similarity.html
   */
  cosineSimilarity(x1: Tensor, x2: Tensor, options?: { dim?: number; eps?: number }): Tensor
  cosineSimilarity(x1: Tensor, x2: Tensor, dim: number, options?: { eps?: number }): Tensor
  cosineSimilarity(x1: Tensor, x2: Tensor, dim: number, eps: number): Tensor
  /**
   * Elements zeroed with probability p, the others scaled by 1 / (1 - p), when train is true.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.dropout.html
   */
  dropout(input: Tensor, p: number, train: boolean): Tensor
  /**
   * Normalization by groups of channels.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.group_norm.html
   */
  groupNorm(
    input: Tensor,
    numGroups: number,
    options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnabled?: boolean },
  ): Tensor
  groupNorm(
    input: Tensor,
    numGroups: number,
    weight: Tensor | null,
    options?: { bias?: Tensor | null; eps?: number; cudnnEnabled?: boolean },
  ): Tensor
  groupNorm(
    input: Tensor,
    numGroups: number,
    weight: Tensor | null,
    bias: Tensor | null,
    options?: { eps?: number; cudnnEnabled?: boolean },
  ): Tensor
  groupNorm(
    input: Tensor,
    numGroups: number,
    weight: Tensor | null,
    bias: Tensor | null,
    eps: number,
    options?: { cudnnEnabled?: boolean },
  ): Tensor
  groupNorm(
    input: Tensor,
    numGroups: number,
    weight: Tensor | null,
    bias: Tensor | null,
    eps: number,
    cudnnEnabled: boolean,
  ): Tensor
  /**
   * Normalization over the last dimensions, those of normalizedShape.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.layer_norm.html
   */
  layerNorm(
    input: Tensor,
    normalizedShape: readonly number[],
    options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnable?: boolean },
  ): Tensor
  layerNorm(
    input: Tensor,
    normalizedShape: readonly number[],
    weight: Tensor | null,
    options?: { bias?: Tensor | null; eps?: number; cudnnEnable?: boolean },
  ): Tensor
  layerNorm(
    input: Tensor,
    normalizedShape: readonly number[],
    weight: Tensor | null,
    bias: Tensor | null,
    options?: { eps?: number; cudnnEnable?: boolean },
  ): Tensor
  layerNorm(
    input: Tensor,
    normalizedShape: readonly number[],
    weight: Tensor | null,
    bias: Tensor | null,
    eps: number,
    options?: { cudnnEnable?: boolean },
  ): Tensor
  layerNorm(
    input: Tensor,
    normalizedShape: readonly number[],
    weight: Tensor | null,
    bias: Tensor | null,
    eps: number,
    cudnnEnable: boolean,
  ): Tensor
  /**
   * Maxima of windows: (N, C, L) -> (N, C, L').
   * @see https://docs.pytorch.org/docs/stable/generated/torch.max_pool1d.html
   */
  maxPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    options?: {
      stride?: number | readonly number[]
      padding?: number | readonly number[]
      dilation?: number | readonly number[]
      ceilMode?: boolean
    },
  ): Tensor
  maxPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    options?: { padding?: number | readonly number[]; dilation?: number | readonly number[]; ceilMode?: boolean },
  ): Tensor
  maxPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    options?: { dilation?: number | readonly number[]; ceilMode?: boolean },
  ): Tensor
  maxPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    dilation: number | readonly number[],
    options?: { ceilMode?: boolean },
  ): Tensor
  maxPool1d(
    self: Tensor,
    kernelSize: number | readonly number[],
    stride: number | readonly number[],
    padding: number | readonly number[],
    dilation: number | readonly number[],
    ceilMode: boolean,
  ): Tensor
  /**
   * The p-norm of x1 - x2 over the last dimension.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.pairwise_distance.html
   */
  pairwiseDistance(x1: Tensor, x2: Tensor, options?: { p?: number; eps?: number; keepdim?: boolean }): Tensor
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, options?: { eps?: number; keepdim?: boolean }): Tensor
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, eps: number, options?: { keepdim?: boolean }): Tensor
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, eps: number, keepdim: boolean): Tensor
  readonly linalg: {
    /**
     * The lower triangular L with L Lᴴ = A.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.cholesky.html
     */
    cholesky(self: Tensor, options?: { upper?: boolean }): Tensor
    /**
     * The condition number.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.cond.html
     */
    cond(self: Tensor, options?: { p?: Scalar | null }): Tensor
    cond(self: Tensor, p: Scalar | null): Tensor
    cond(self: Tensor, p: string): Tensor
    /**
     * The determinant.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.det.html
     */
    det(A: Tensor): Tensor
    /**
     * Eigenvalues, ascending, and eigenvectors of a Hermitian matrix.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigh.html
     */
    eigh(self: Tensor, options?: { UPLO?: string }): [Tensor, Tensor]
    eigh(self: Tensor, UPLO: string): [Tensor, Tensor]
    /**
     * Eigenvalues of a Hermitian matrix, ascending.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html
     */
    eigvalsh(self: Tensor, options?: { UPLO?: string }): Tensor
    eigvalsh(self: Tensor, UPLO: string): Tensor
    /**
     * The inverse of square matrices.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.inv.html
     */
    inv(A: Tensor): Tensor
    /**
     * The least-squares solution of A X = B, residuals, rank, singular values.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.lstsq.html
     */
    lstsq(
      self: Tensor,
      b: Tensor,
      options?: { rcond?: number | null; driver?: string | null },
    ): [Tensor, Tensor, Tensor, Tensor]
    lstsq(
      self: Tensor,
      b: Tensor,
      rcond: number | null,
      options?: { driver?: string | null },
    ): [Tensor, Tensor, Tensor, Tensor]
    /**
     * A matrix norm.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html
     */
    matrixNorm(
      self: Tensor,
      ord: Scalar,
      options?: { dim?: readonly number[]; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      ord: Scalar,
      dim: readonly number[],
      options?: { keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      ord: Scalar,
      dim: readonly number[],
      keepdim: boolean,
      options?: { dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      options?: { ord?: string; dim?: readonly number[]; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      ord: string,
      options?: { dim?: readonly number[]; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      ord: string,
      dim: readonly number[],
      options?: { keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    matrixNorm(
      self: Tensor,
      ord: string,
      dim: readonly number[],
      keepdim: boolean,
      options?: { dtype?: DType | null },
    ): Tensor
    /**
     * A to the power n.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html
     */
    matrixPower(self: Tensor, n: number): Tensor
    /**
     * The rank.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html
     */
    matrixRank(input: Tensor, options?: { atol?: Tensor | null; rtol?: Tensor | null; hermitian?: boolean }): Tensor
    matrixRank(self: Tensor, options?: { atol?: number | null; rtol?: number | null; hermitian?: boolean }): Tensor
    matrixRank(input: Tensor, tol: Tensor, options?: { hermitian?: boolean }): Tensor
    matrixRank(input: Tensor, tol: Tensor, hermitian: boolean): Tensor
    matrixRank(self: Tensor, tol: number, options?: { hermitian?: boolean }): Tensor
    matrixRank(self: Tensor, tol: number, hermitian: boolean): Tensor
    /**
     * The product of matrices in the cheapest order.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html
     */
    multiDot(tensors: readonly Tensor[]): Tensor
    /**
     * A vector or matrix norm.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html
     */
    norm(
      self: Tensor,
      options?: {
        ord?: Scalar | null
        dim?: number | readonly number[] | null
        keepdim?: boolean
        dtype?: DType | null
      },
    ): Tensor
    norm(
      self: Tensor,
      ord: Scalar | null,
      options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    norm(
      self: Tensor,
      ord: Scalar | null,
      dim: number | readonly number[] | null,
      options?: { keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    norm(
      self: Tensor,
      ord: Scalar | null,
      dim: number | readonly number[] | null,
      keepdim: boolean,
      options?: { dtype?: DType | null },
    ): Tensor
    norm(
      self: Tensor,
      ord: string,
      options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    norm(
      self: Tensor,
      ord: string,
      dim: number | readonly number[] | null,
      options?: { keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    norm(
      self: Tensor,
      ord: string,
      dim: number | readonly number[] | null,
      keepdim: boolean,
      options?: { dtype?: DType | null },
    ): Tensor
    /**
     * The pseudo-inverse.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html
     */
    pinv(self: Tensor, options?: { atol?: Tensor | null; rtol?: Tensor | null; hermitian?: boolean }): Tensor
    pinv(self: Tensor, options?: { atol?: number | null; rtol?: number | null; hermitian?: boolean }): Tensor
    pinv(self: Tensor, rcond: Tensor, options?: { hermitian?: boolean }): Tensor
    pinv(self: Tensor, rcond: Tensor, hermitian: boolean): Tensor
    pinv(self: Tensor, rcond: number, options?: { hermitian?: boolean }): Tensor
    pinv(self: Tensor, rcond: number, hermitian: boolean): Tensor
    /**
     * A = Q R with orthonormal Q and upper triangular R.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.qr.html
     */
    qr(A: Tensor, options?: { mode?: string }): [Tensor, Tensor]
    qr(A: Tensor, mode: string): [Tensor, Tensor]
    /**
     * Sign and ln |det A|.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.slogdet.html
     */
    slogdet(A: Tensor): [Tensor, Tensor]
    /**
     * X with A X = B.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve.html
     */
    solve(A: Tensor, B: Tensor, options?: { left?: boolean }): Tensor
    /**
     * X with A X = B for triangular A.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html
     */
    solveTriangular(
      self: Tensor,
      B: Tensor,
      options: { upper: boolean; left?: boolean; unitriangular?: boolean },
    ): Tensor
    /**
     * A = U diag(S) Vᴴ
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.svd.html
     */
    svd(A: Tensor, options?: { fullMatrices?: boolean; driver?: string | null }): [Tensor, Tensor, Tensor]
    svd(A: Tensor, fullMatrices: boolean, options?: { driver?: string | null }): [Tensor, Tensor, Tensor]
    /**
     * Singular values, descending.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.svdvals.html
     */
    svdvals(A: Tensor, options?: { driver?: string | null }): Tensor
    /**
     * A norm of the flattened tensor, or along dim.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
     */
    vectorNorm(
      self: Tensor,
      options?: { ord?: Scalar; dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    vectorNorm(
      self: Tensor,
      ord: Scalar,
      options?: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    vectorNorm(
      self: Tensor,
      ord: Scalar,
      dim: number | readonly number[] | null,
      options?: { keepdim?: boolean; dtype?: DType | null },
    ): Tensor
    vectorNorm(
      self: Tensor,
      ord: Scalar,
      dim: number | readonly number[] | null,
      keepdim: boolean,
      options?: { dtype?: DType | null },
    ): Tensor
  }
  readonly fft: {
    /**
     * The discrete Fourier transform along dim.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.fft.fft.html
     */
    fft(self: Tensor, options?: { n?: number | null; dim?: number; norm?: string | null }): Tensor
    fft(self: Tensor, n: number | null, options?: { dim?: number; norm?: string | null }): Tensor
    fft(self: Tensor, n: number | null, dim: number, options?: { norm?: string | null }): Tensor
    fft(self: Tensor, n: number | null, dim: number, norm: string | null): Tensor
    /**
     * The inverse of fft.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.fft.ifft.html
     */
    ifft(self: Tensor, options?: { n?: number | null; dim?: number; norm?: string | null }): Tensor
    ifft(self: Tensor, n: number | null, options?: { dim?: number; norm?: string | null }): Tensor
    ifft(self: Tensor, n: number | null, dim: number, options?: { norm?: string | null }): Tensor
    ifft(self: Tensor, n: number | null, dim: number, norm: string | null): Tensor
    /**
     * The inverse of rfft.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.fft.irfft.html
     */
    irfft(self: Tensor, options?: { n?: number | null; dim?: number; norm?: string | null }): Tensor
    irfft(self: Tensor, n: number | null, options?: { dim?: number; norm?: string | null }): Tensor
    irfft(self: Tensor, n: number | null, dim: number, options?: { norm?: string | null }): Tensor
    irfft(self: Tensor, n: number | null, dim: number, norm: string | null): Tensor
    /**
     * The non-negative frequencies of the Fourier transform of a real signal.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.fft.rfft.html
     */
    rfft(self: Tensor, options?: { n?: number | null; dim?: number; norm?: string | null }): Tensor
    rfft(self: Tensor, n: number | null, options?: { dim?: number; norm?: string | null }): Tensor
    rfft(self: Tensor, n: number | null, dim: number, options?: { norm?: string | null }): Tensor
    rfft(self: Tensor, n: number | null, dim: number, norm: string | null): Tensor
  }
  readonly special: {
    /**
     * -x ln x
     * @see https://docs.pytorch.org/docs/stable/generated/torch.special.entr.html
     */
    entr(self: Tensor): Tensor
    /**
     * 1 / (1 + exp(-x))
     * @see https://docs.pytorch.org/docs/stable/generated/torch.special.expit.html
     */
    expit(self: Tensor): Tensor
    /**
     * ln(1 + x)
     * @see https://docs.pytorch.org/docs/stable/generated/torch.special.log1p.html
     */
    log1p(self: Tensor): Tensor
    /**
     * The area under the normal density up to x.
     * @see https://docs.pytorch.org/docs/stable/generated/torch.special.ndtr.html
     */
    ndtr(self: Tensor): Tensor
  }
}
