/**
 * The correlation of values with those 1 … `lags` steps before: Σ (x(t) - m)(x(t+k) - m) / Σ (x(t) - m)², with the mean m of
 * all values (Box and Jenkins). Values in different runs are not neighbours; NaN is passed over. Empty if values do not
 * differ.
 */
export function autocorrelation(runs: readonly (readonly number[])[], lags: number): number[] {
  let [sum, count] = [0, 0]
  for (const value of runs.flat()) {
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  const mean = sum / count
  const product = (a: number, b: number): number => {
    const value = (a - mean) * (b - mean)
    return Number.isNaN(value) ? 0 : value
  }
  const at = (lag: number): number =>
    runs.reduce((total, run) => {
      for (let t = 0; t + lag < run.length; t++) total += product(run[t] as number, run[t + lag] as number)
      return total
    }, 0)
  const variance = at(0)
  const most = Math.min(lags, Math.max(0, ...runs.map((run) => run.length - 1)))
  return variance > 0 ? Array.from({ length: most }, (_, k) => at(k + 1) / variance) : []
}
