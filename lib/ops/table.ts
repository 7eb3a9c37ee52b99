/** One operation of the typed API. */
export interface Row {
  /** The JavaScript name, with its namespace if any: `logSoftmax`, `linalg.inv`. */
  readonly name: string
  /** Overloads, tried in order: `['eq.Tensor', 'eq.Scalar']`. The namespace is `aten` unless another one is given. */
  readonly overloads: readonly string[]
  /** Overloads of the function only, tried after `overloads`: for example, `pow(2, tensor)` cannot be a method. */
  readonly functionOverloads: readonly string[]
  /** Whether it is a method of tensors, a function of `torch`, or both. */
  readonly on: 'method' | 'function' | 'both'
  readonly doc: string
}

function rows(on: Row['on'], lines: string): Row[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [, name = '', overloads = '', doc = ''] = line.match(/^\s*(\S+) \| ([^|]+) \| (.*)$/) ?? []
      const [shared = [], functionOverloads = []] = overloads.split(' / ').map((list) => list.split(' '))
      return { name, overloads: shared, functionOverloads, on, doc }
    })
}

/** The operator of an overload in the table: `add.Tensor` is `['aten::add', 'Tensor']`. */
export function qualified(overload: string): [name: string, overload: string] {
  const [name = '', variant = ''] = overload.split('.')
  return [name.includes('::') ? name : `aten::${name}`, variant]
}

/**
 * Every operation of the typed API: name | overloads / overloads of the function only | doc. `npm run generate` writes
 * `generated.ts` from it. `test/ops/table.test.ts` compares the results of each overload with PyTorch, and
 * `test/ops/signature.test.ts` checks that a row takes the same arguments as PyTorch's function of that name.
 * Operations missing here can be called through `torch.ops.aten`. To add one, add a row and run `npm run generate`,
 * `scripts/fixtures/ops.py` and `scripts/fixtures/signatures.py`.
 */
export const TABLE: readonly Row[] = [
  // Tensors to tensors, element by element.
  ...rows(
    'both',
    `
    abs | abs | |x|
    acos | acos | Inverse cosine, in radians.
    acosh | acosh | Inverse hyperbolic cosine.
    add | add.Tensor | self + alpha * other
    addcdiv | addcdiv | self + value * tensor1 / tensor2
    addcmul | addcmul | self + value * tensor1 * tensor2
    angle | angle | The argument of a complex number, in radians; 0 or π for a real one.
    asin | asin | Inverse sine, in radians.
    asinh | asinh | Inverse hyperbolic sine.
    atan | atan | Inverse tangent, in radians.
    atan2 | atan2 | The angle of the point (other, self), in radians.
    atanh | atanh | Inverse hyperbolic tangent.
    bitwiseAnd | bitwise_and.Tensor bitwise_and.Scalar / bitwise_and.Scalar_Tensor | Bitwise self & other, of integers or booleans.
    bitwiseNot | bitwise_not | Bitwise ~self, of integers or booleans.
    bitwiseOr | bitwise_or.Tensor bitwise_or.Scalar / bitwise_or.Scalar_Tensor | Bitwise self | other, of integers or booleans.
    bitwiseXor | bitwise_xor.Tensor bitwise_xor.Scalar / bitwise_xor.Scalar_Tensor | Bitwise self ^ other, of integers or booleans.
    ceil | ceil | The smallest integer ≥ x.
    clamp | clamp clamp.Tensor | Limited to [min, max].
    clampMax | clamp_max clamp_max.Tensor | At most max.
    clampMin | clamp_min clamp_min.Tensor | At least min.
    clip | clip clip.Tensor | Limited to [min, max]; alias of clamp.
    conj | conj | Complex conjugate.
    copysign | copysign.Tensor copysign.Scalar | The magnitude of self with the sign of other.
    cos | cos | Cosine of radians.
    cosh | cosh | Hyperbolic cosine.
    deg2rad | deg2rad | Degrees to radians.
    digamma | digamma | The logarithmic derivative of the gamma function.
    div | div.Tensor div.Tensor_mode | self / other; roundingMode 'trunc' or 'floor' rounds the quotient.
    eq | eq.Tensor eq.Scalar | self = other, as booleans.
    erf | erf | The error function 2/√π ∫₀ˣ exp(-t²) dt.
    erfc | erfc | 1 - erf(x)
    erfinv | erfinv | The inverse of erf.
    exp | exp | eˣ
    exp2 | exp2 | 2ˣ
    expm1 | expm1 | eˣ - 1, accurate near 0.
    floatPower | float_power.Tensor_Tensor float_power.Tensor_Scalar / float_power.Scalar | self to the power exponent, in float64.
    floor | floor | The largest integer ≤ x.
    floorDivide | floor_divide | floor(self / other)
    fmod | fmod.Tensor fmod.Scalar | The remainder with the sign of self, as C's fmod.
    frac | frac | The fractional part, with the sign of self.
    ge | ge.Tensor ge.Scalar | self ≥ other, as booleans.
    gt | gt.Tensor gt.Scalar | self > other, as booleans.
    heaviside | heaviside | 0 below zero, 1 above zero, and values at zero.
    hypot | hypot | √(self² + other²)
    i0 | i0 | The modified Bessel function of the first kind and order 0.
    isfinite | isfinite | Whether neither infinite nor NaN.
    isinf | isinf | Whether infinite.
    isnan | isnan | Whether NaN.
    isneginf | isneginf | Whether -∞.
    isposinf | isposinf | Whether +∞.
    ldexp | ldexp.Tensor | self * 2^other
    le | le.Tensor le.Scalar | self ≤ other, as booleans.
    lerp | lerp.Scalar lerp.Tensor | self + weight * (end - self)
    lgamma | lgamma | ln |Γ(x)|
    log | log | Natural logarithm.
    log10 | log10 | Logarithm to base 10.
    log1p | log1p | ln(1 + x), accurate near 0.
    log2 | log2 | Logarithm to base 2.
    logaddexp | logaddexp | ln(exp(self) + exp(other))
    logaddexp2 | logaddexp2 | log2(2^self + 2^other)
    logicalAnd | logical_and | Whether both are nonzero.
    logicalNot | logical_not | Whether zero.
    logicalOr | logical_or | Whether at least one is nonzero.
    logicalXor | logical_xor | Whether exactly one is nonzero.
    logit | logit | ln(x / (1 - x)), with x first clamped to [eps, 1 - eps].
    lt | lt.Tensor lt.Scalar | self < other, as booleans.
    maximum | maximum | The greater of each pair; NaN if either is NaN.
    minimum | minimum | The lesser of each pair; NaN if either is NaN.
    fmax | fmax | The greater of each pair, or the one that is not NaN.
    fmin | fmin | The lesser of each pair, or the one that is not NaN.
    mul | mul.Tensor | self * other
    nanToNum | nan_to_num | NaN and infinities replaced by finite numbers.
    ne | ne.Tensor ne.Scalar | self ≠ other, as booleans.
    neg | neg | -x
    nextafter | nextafter | The next floating-point number after self towards other.
    pow | pow.Tensor_Tensor pow.Tensor_Scalar / pow.Scalar | self to the power exponent.
    rad2deg | rad2deg | Radians to degrees.
    reciprocal | reciprocal | 1 / x
    relu | relu | max(0, x)
    remainder | remainder.Tensor remainder.Scalar / remainder.Scalar_Tensor | The remainder with the sign of other, as Python's %.
    round | round round.decimals | Rounded to the nearest integer, halves to even; or to the given number of decimals.
    rsqrt | rsqrt | 1 / √x
    sigmoid | sigmoid | 1 / (1 + exp(-x))
    sgn | sgn | x / |x|, also for complex numbers; 0 at 0.
    sign | sign | -1, 0 or 1.
    signbit | signbit | Whether the sign bit is set.
    sin | sin | Sine of radians.
    sinc | sinc | sin(πx) / (πx), 1 at 0.
    sinh | sinh | Hyperbolic sine.
    sqrt | sqrt | √x
    square | square | x²
    sub | sub.Tensor | self - alpha * other
    tan | tan | Tangent of radians.
    tanh | tanh | Hyperbolic tangent.
    trunc | trunc | Rounded towards zero to an integer.
    xlogy | xlogy.Tensor xlogy.Scalar_Other / xlogy.Scalar_Self | self * ln(other), 0 where self is 0.
    `,
  ),
  // Activations.
  ...rows(
    'function',
    `
    celu | celu | max(0, x) + min(0, α (exp(x / α) - 1))
    rsub | rsub.Tensor rsub.Scalar | other - alpha * self
    selu | selu | The self-normalizing ELU.
    threshold | threshold | x above the threshold, value elsewhere.
    `,
  ),
  ...rows(
    'both',
    `
    hardshrink | hardshrink | 0 where |x| ≤ lambd, x elsewhere.
    logSoftmax | log_softmax.int | ln(softmax(x)) along dim.
    prelu | prelu | x above zero, weight * x below.
    softmax | softmax.int | exp(x) / Σ exp(x) along dim.
    `,
  ),
  // Reductions.
  ...rows(
    'both',
    `
    all | all all.dim all.dims | Whether all elements are nonzero.
    amax | amax | The maximum along dim; ties share its gradient.
    amin | amin | The minimum along dim; ties share its gradient.
    aminmax | aminmax | Minimum and maximum.
    any | any any.dim any.dims | Whether any element is nonzero.
    argmax | argmax | The index of the maximum, in the flattened tensor or along dim.
    argmin | argmin | The index of the minimum, in the flattened tensor or along dim.
    corrcoef | corrcoef | The correlation coefficients of variables in rows and observations in columns.
    countNonzero | count_nonzero.dim_IntList count_nonzero | The number of nonzero elements.
    cov | cov | The covariance matrix of variables in rows and observations in columns.
    cummax | cummax | The cumulative maximum along dim, and its index.
    cummin | cummin | The cumulative minimum along dim, and its index.
    cumprod | cumprod | The cumulative product along dim.
    cumsum | cumsum | The cumulative sum along dim.
    diff | diff | Differences of neighbors along dim, n times.
    dist | dist | The p-norm of self - other.
    kthvalue | kthvalue | The k-th smallest element along dim (k from 1), and its index.
    logcumsumexp | logcumsumexp | The logarithm of the cumulative sum of exponentials along dim.
    logsumexp | logsumexp | ln Σ exp(x) along dim, without overflow.
    max | max max.dim max.other | The maximum; with dim, also its index; with a tensor, element by element.
    mean | mean mean.dim | The mean.
    median | median median.dim | The lower median; with dim, also its index.
    min | min min.dim min.other | The minimum; with dim, also its index; with a tensor, element by element.
    mode | mode | The most frequent value along dim, and its index.
    nanmean | nanmean | The mean, ignoring NaN.
    nanmedian | nanmedian nanmedian.dim | The lower median, ignoring NaN.
    nansum | nansum | The sum, ignoring NaN.
    norm | libtorch_rnn::norm libtorch_rnn::norm.str | The p-norm (default 2), of the flattened tensor or along dim; for matrices also 'nuc'.
    prod | prod prod.dim_int | The product.
    quantile | quantile quantile.scalar | The q-quantile, by linear interpolation.
    std | std std.dim std.correction | The standard deviation, with Bessel's correction.
    stdMean | std_mean std_mean.dim std_mean.correction | Standard deviation and mean.
    sum | sum sum.dim_IntList | The sum.
    trace | trace | The sum of a matrix's diagonal.
    var | var var.dim var.correction | The variance, with Bessel's correction.
    varMean | var_mean var_mean.dim var_mean.correction | Variance and mean.
    `,
  ),
  ...rows('both', 'equal | equal | Whether shapes and all elements are equal.'),
  ...rows('both', 'allclose | allclose | Whether all |self - other| ≤ atol + rtol |other|.'),
  ...rows('both', 'isclose | isclose | Where |self - other| ≤ atol + rtol |other|.'),
  // Linear algebra.
  ...rows(
    'both',
    `
    addbmm | addbmm | beta self + alpha Σ batch1 @ batch2
    addmm | addmm | beta self + alpha mat1 @ mat2
    addmv | addmv | beta self + alpha mat @ vec
    addr | addr | beta self + alpha vec1 ⊗ vec2
    baddbmm | baddbmm | beta self + alpha batch1 @ batch2, batch by batch.
    bmm | bmm | Matrix products batch by batch: (B, n, m) @ (B, m, p).
    cross | cross | The cross product of 3-vectors along dim.
    dot | dot | The inner product of two vectors.
    inner | inner | Inner products of the last dimensions.
    inverse | inverse | The inverse of square matrices.
    kron | kron | The Kronecker product.
    matmul | matmul | The matrix product, batched and broadcast over all but the last two dimensions.
    matrixExp | matrix_exp | The matrix exponential.
    mm | mm | The matrix product (n, m) @ (m, p).
    mv | mv | Matrix (n, m) times vector (m).
    outer | outer | The outer product of two vectors.
    vdot | vdot | The inner product, with the first vector conjugated.
    `,
  ),
  ...rows(
    'function',
    `
    bilinear | bilinear | x1ᵀ W x2 + b
    cdist | cdist | The p-norm distance of each pair of rows.
    cumulativeTrapezoid | cumulative_trapezoid.x cumulative_trapezoid.dx | The cumulative integral along dim, by the trapezoidal rule, for sample points x or a spacing dx (default 1).
    normal | normal.Tensor_Tensor normal.Tensor_float normal.float_Tensor normal.float_float | Random numbers from normal distributions, with a mean and std for each; with a size, the same for all.
    trapezoid | trapezoid.x trapezoid.dx | The integral along dim, by the trapezoidal rule, for sample points x or a spacing dx (default 1).
    chainMatmul | chain_matmul | The product of matrices in the cheapest order.
    einsum | einsum | Sums of products in Einstein notation: einsum('bij,bjk->bik', [a, b]).
    tensordot | libtorch_rnn::tensordot.int libtorch_rnn::tensordot.lists tensordot | Contraction of the last dims dimensions of self with the first dims of other (default 2), or of the given dimensions.
    linalg.cholesky | linalg_cholesky | The lower triangular L with L Lᴴ = A.
    linalg.cond | linalg_cond linalg_cond.p_str | The condition number.
    linalg.det | linalg_det | The determinant.
    linalg.eigh | linalg_eigh | Eigenvalues, ascending, and eigenvectors of a Hermitian matrix.
    linalg.eigvalsh | linalg_eigvalsh | Eigenvalues of a Hermitian matrix, ascending.
    linalg.inv | linalg_inv | The inverse of square matrices.
    linalg.lstsq | linalg_lstsq | The least-squares solution of A X = B, residuals, rank, singular values.
    linalg.matrixNorm | linalg_matrix_norm linalg_matrix_norm.str_ord | A matrix norm.
    linalg.matrixPower | linalg_matrix_power | A to the power n.
    linalg.matrixRank | linalg_matrix_rank.atol_rtol_tensor linalg_matrix_rank.atol_rtol_float linalg_matrix_rank.tol_tensor linalg_matrix_rank | The rank.
    linalg.multiDot | linalg_multi_dot | The product of matrices in the cheapest order.
    linalg.norm | linalg_norm linalg_norm.ord_str | A vector or matrix norm.
    linalg.pinv | linalg_pinv.atol_rtol_tensor linalg_pinv.atol_rtol_float linalg_pinv.rcond_tensor linalg_pinv | The pseudo-inverse.
    linalg.qr | linalg_qr | A = Q R with orthonormal Q and upper triangular R.
    linalg.slogdet | linalg_slogdet | Sign and ln |det A|.
    linalg.solve | linalg_solve | X with A X = B.
    linalg.solveTriangular | linalg_solve_triangular | X with A X = B for triangular A.
    linalg.svd | linalg_svd | A = U diag(S) Vᴴ
    linalg.svdvals | linalg_svdvals | Singular values, descending.
    linalg.vectorNorm | linalg_vector_norm | A norm of the flattened tensor, or along dim.
    fft.fft | fft_fft | The discrete Fourier transform along dim.
    fft.ifft | fft_ifft | The inverse of fft.
    fft.irfft | fft_irfft | The inverse of rfft.
    fft.rfft | fft_rfft | The non-negative frequencies of the Fourier transform of a real signal.
    special.entr | special_entr | -x ln x
    special.expit | special_expit | 1 / (1 + exp(-x))
    special.log1p | special_log1p | ln(1 + x)
    special.ndtr | special_ndtr | The area under the normal density up to x.
    `,
  ),
  // Shape.
  ...rows(
    'both',
    `
    broadcastTo | broadcast_to | A view repeated to the size.
    clone | clone | A copy that passes gradients on to the original.
    detach | detach | The same memory, detached from the graph.
    diag | diag | The diagonal of a matrix, or the matrix of a diagonal.
    diagEmbed | diag_embed | Matrices with the last dimension on their diagonal.
    diagonal | diagonal | A view of the diagonal in two dimensions.
    flatten | flatten.using_ints | Dimensions startDim to endDim flattened into one.
    flip | flip | The order reversed along dims.
    fliplr | fliplr | Columns in reverse order.
    flipud | flipud | Rows in reverse order.
    movedim | movedim.intlist movedim.int | Dimensions moved to other positions.
    narrow | narrow narrow.Tensor | The elements start to start + length along dim.
    permute | permute | The dimensions in another order.
    ravel | ravel | All elements in one dimension.
    repeatInterleave | repeat_interleave.self_int repeat_interleave.self_Tensor / repeat_interleave.Tensor | Each element repeated; with repeats only, each index repeated that often.
    reshape | reshape | Another shape for the same elements in row-major order; -1 is inferred.
    roll | roll | Elements shifted along dims; those pushed off the end return at the front.
    rot90 | rot90 | A rotation by 90 degrees, k times.
    select | select.int | The slice at one index along dim; dim is removed.
    squeeze | squeeze squeeze.dim squeeze.dims | Without dimensions of size 1.
    swapaxes | swapaxes | Two dimensions exchanged.
    t | t | The transpose of a matrix.
    tile | tile | Copies along each dimension.
    transpose | transpose.int | Two dimensions exchanged.
    tril | tril | The lower triangle, zeros elsewhere.
    triu | triu | The upper triangle, zeros elsewhere.
    unflatten | unflatten.int | One dimension split into several.
    unsqueeze | unsqueeze | With a dimension of size 1 inserted.
    viewAsReal | view_as_real | Complex numbers as pairs: (…) -> (…, 2).
    viewAsComplex | view_as_complex | Pairs as complex numbers: (…, 2) -> (…).
    `,
  ),
  ...rows(
    'method',
    `
    contiguous | contiguous | Contiguous in memory (row-major); the tensor itself if it already is.
    expand | expand | A view with dimensions of size 1 repeated; -1 keeps a size.
    expandAs | expand_as | expand to the shape of other.
    repeat | repeat | Copies along each dimension.
    reshapeAs | reshape_as | reshape to the shape of other.
    sumToSize | sum_to_size | The sum over the dimensions that broadcasting from the size would repeat.
    typeAs | type_as | With the dtype and device of other.
    unfold | unfold | Windows of a size and step along dimension, in a new last dimension.
    view | view view.dtype | The same memory in another shape.
    viewAs | view_as | view in the shape of other.
    `,
  ),
  // Joining, splitting, picking.
  ...rows(
    'function',
    `
    blockDiag | block_diag | Matrices along the diagonal of a larger one.
    broadcastTensors | broadcast_tensors | All tensors broadcast to their common shape.
    bucketize | bucketize.Tensor bucketize.Scalar | The interval of sorted boundaries that each element falls in.
    cartesianProd | cartesian_prod | All combinations of the elements of vectors.
    cat | cat | Tensors concatenated along dim (default 0).
    combinations | combinations | The r-combinations of a vector's elements.
    complex | complex | real + i imag
    dstack | dstack | Tensors concatenated along the third dimension.
    embedding | embedding | Rows of weight picked by integer indices.
    hstack | hstack | Tensors concatenated along the second dimension.
    imag | imag | A view of the imaginary part of complex numbers.
    meshgrid | meshgrid.indexing meshgrid | Coordinate grids of vectors; indexing 'ij' or 'xy'.
    polar | polar | abs * exp(i angle)
    real | real | A view of the real part of complex numbers; real tensors are returned as they are.
    searchsorted | searchsorted.Tensor searchsorted.Scalar | Where each value would be inserted into a sorted sequence.
    stack | stack | Tensors concatenated along a new dimension.
    tensorSplit | tensor_split.sections tensor_split.indices tensor_split.tensor_indices_or_sections | Nearly equal parts along dim, or split at the given indices.
    trilIndices | tril_indices | Row and column numbers of the lower triangle.
    triuIndices | triu_indices | Row and column numbers of the upper triangle.
    vander | vander | Powers of a vector's elements as columns.
    vstack | vstack | Tensors concatenated along the first dimension.
    where | where.self where.ScalarOther where.ScalarSelf where.Scalar where | self where the condition is true, other elsewhere.
    `,
  ),
  ...rows(
    'both',
    `
    argsort | argsort argsort.stable | The indices that would sort along dim.
    bincount | bincount | The number of occurrences of each non-negative integer.
    chunk | chunk | Views of the given number of parts along dim; the last may be smaller.
    gather | gather | Elements picked along dim by index.
    histc | histc | Counts in equal bins from min to max.
    indexAdd | index_add | A copy with alpha * source added at the indices along dim.
    indexCopy | index_copy | A copy with source at the indices along dim.
    indexFill | index_fill.int_Scalar index_fill.int_Tensor | A copy with value at the indices along dim.
    indexSelect | index_select | The slices at the indices along dim.
    isin | isin.Tensor_Tensor isin.Tensor_Scalar / isin.Scalar_Tensor | Whether each element is among testElements.
    maskedFill | masked_fill.Scalar masked_fill.Tensor | A copy with value where the mask is true.
    maskedScatter | masked_scatter | A copy with the elements of source, in order, where the mask is true.
    maskedSelect | masked_select | The elements where the mask is true, in one dimension.
    msort | msort | Sorted along the first dimension.
    multinomial | multinomial | Random indices, drawn with probabilities proportional to each row.
    nonzero | nonzero | The indices of nonzero elements: (n, dimensions).
    bernoulli | bernoulli bernoulli.p | 1 with the probability given by the element, else 0.
    put | put | A copy with source at indices into the flattened tensor.
    scatter | scatter.src scatter.value scatter.reduce scatter.value_reduce | A copy with the elements of src at the indices along dim.
    scatterAdd | scatter_add | A copy with the elements of src added at the indices along dim.
    sort | sort sort.stable | Sorted along dim, and the indices.
    split | split.Tensor split.sizes | Views of parts along dim, all of one size or of the given sizes.
    take | take | The elements at indices into the flattened tensor.
    takeAlongDim | take_along_dim | Elements picked along dim by index, broadcast.
    topk | topk | The k largest elements along dim, and their indices.
    unbind | unbind.int | Views of all slices along dim.
    unique | libtorch_rnn::unique | The distinct values, sorted on request; then the index of each element among them, and the count of each value: both have shape (0) unless requested.
    uniqueConsecutive | unique_consecutive | Without consecutive repetitions; with indices and counts on request.
    `,
  ),
  // Neural networks.
  ...rows(
    'function',
    `
    alphaDropout | alpha_dropout | Dropout that keeps mean and variance of SELU activations.
    avgPool1d | avg_pool1d | Means of windows: (N, C, L) -> (N, C, L').
    batchNorm | batch_norm | Normalization over the batch, by channel.
    conv1d | conv1d conv1d.padding | Cross-correlation: (N, C, L) -> (N, C', L').
    cosineSimilarity | cosine_similarity | x1 · x2 / (|x1| |x2|) along dim.
    dropout | dropout | Elements zeroed with probability p, the others scaled by 1 / (1 - p), when train is true.
    groupNorm | group_norm | Normalization by groups of channels.
    layerNorm | layer_norm | Normalization over the last dimensions, those of normalizedShape.
    maxPool1d | max_pool1d | Maxima of windows: (N, C, L) -> (N, C, L').
    pairwiseDistance | pairwise_distance | The p-norm of x1 - x2 over the last dimension.
    `,
  ),
  // In place.
  ...rows(
    'method',
    `
    abs_ | abs_ | |x|
    add_ | add_.Tensor | self + alpha * other
    addcdiv_ | addcdiv_ | self + value * tensor1 / tensor2
    addcmul_ | addcmul_ | self + value * tensor1 * tensor2
    addmm_ | addmm_ | beta self + alpha mat1 @ mat2
    bernoulli_ | bernoulli_.float bernoulli_.Tensor | 1 with probability p, else 0.
    clamp_ | clamp_ clamp_.Tensor | Limited to [min, max].
    clampMax_ | clamp_max_ clamp_max_.Tensor | At most max.
    clampMin_ | clamp_min_ clamp_min_.Tensor | At least min.
    clip_ | clip_ clip_.Tensor | Limited to [min, max]; alias of clamp_.
    copy_ | copy_ | The elements of src, broadcast and converted.
    cumsum_ | cumsum_ | The cumulative sum along dim.
    detach_ | detach_ | Detaches this tensor from the graph.
    div_ | div_.Tensor div_.Tensor_mode | self / other
    exp_ | exp_ | eˣ
    exponential_ | exponential_ | Random numbers with density lambd exp(-lambd x).
    fill_ | fill_.Scalar fill_.Tensor | Every element set to value.
    fillDiagonal_ | fill_diagonal_ | The diagonal set to fillValue.
    floor_ | floor_ | The largest integer ≤ x.
    indexAdd_ | index_add_ | alpha * source added at the indices along dim.
    indexCopy_ | index_copy_ | source at the indices along dim.
    indexFill_ | index_fill_.int_Scalar index_fill_.int_Tensor | value at the indices along dim.
    lerp_ | lerp_.Scalar lerp_.Tensor | self + weight * (end - self)
    log_ | log_ | Natural logarithm.
    maskedFill_ | masked_fill_.Scalar masked_fill_.Tensor | value where the mask is true.
    mul_ | mul_.Tensor | self * other
    neg_ | neg_ | -x
    normal_ | normal_ | Random numbers from the normal distribution of mean and std.
    pow_ | pow_.Scalar pow_.Tensor | self to the power exponent.
    random_ | random_.from random_.to random_ | Random integers from a range.
    reciprocal_ | reciprocal_ | 1 / x
    relu_ | relu_ | max(0, x)
    round_ | round_ round_.decimals | Rounded to the nearest integer, halves to even.
    rsqrt_ | rsqrt_ | 1 / √x
    scatter_ | scatter_.src scatter_.value scatter_.reduce scatter_.value_reduce | The elements of src at the indices along dim.
    scatterAdd_ | scatter_add_ | The elements of src added at the indices along dim.
    sigmoid_ | sigmoid_ | 1 / (1 + exp(-x))
    sqrt_ | sqrt_ | √x
    square_ | square_ | x²
    squeeze_ | squeeze_ squeeze_.dim squeeze_.dims | Without dimensions of size 1.
    sub_ | sub_.Tensor | self - alpha * other
    tanh_ | tanh_ | Hyperbolic tangent.
    transpose_ | transpose_ | Two dimensions exchanged.
    tril_ | tril_ | The lower triangle, zeros elsewhere.
    triu_ | triu_ | The upper triangle, zeros elsewhere.
    uniform_ | uniform_ | Random numbers from the interval [from, to).
    unsqueeze_ | unsqueeze_ | With a dimension of size 1 inserted.
    zero_ | zero_ | Every element set to 0.
    `,
  ),
]
