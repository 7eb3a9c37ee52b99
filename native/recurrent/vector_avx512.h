#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

// Sixteen floats. In min and max, the argument that may be NaN must come second: it is then returned.
struct Vector {
  static constexpr int64_t kLanes = 16;
  // Registers used as accumulators, of 32; the others hold weights and an element of the input.
  static constexpr int kAccumulators = 24;
  static constexpr int kRows = 6;

  __m512 value;

  static Vector zero() { return {_mm512_setzero_ps()}; }
  static Vector all(float x) { return {_mm512_set1_ps(x)}; }
  static Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vector load(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, value); }
  void store(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, first(n), value); }

  // 2ⁿ for integers n from -126 to 127.
  static Vector exp2(Vector n) { return {_mm512_scalef_ps(_mm512_set1_ps(1), n.value)}; }
  static Vector round(Vector x) { return {_mm512_roundscale_ps(x.value, 8)}; }
  static Vector max(Vector a, Vector b) { return {_mm512_max_ps(a.value, b.value)}; }
  static Vector min(Vector a, Vector b) { return {_mm512_min_ps(a.value, b.value)}; }
  // a b + c, c - a b
  static Vector fma(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.value, b.value, c.value)}; }
  static Vector fnma(Vector a, Vector b, Vector c) { return {_mm512_fnmadd_ps(a.value, b.value, c.value)}; }
  // y where x is not at most 0, so where it is NaN, too
  static Vector where_positive(Vector x, Vector y) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.value, _mm512_setzero_ps(), _CMP_NLE_UQ), y.value)};
  }

  // The first and second numbers of bfloat16 pairs.
  static Vector first_of(Vector pairs) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs.value), 16))};
  }
  static Vector second_of(Vector pairs) {
    return {_mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(pairs.value), _mm512_set1_epi32(static_cast<int>(0xffff0000U))))};
  }

  friend Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.value, b.value)}; }
  friend Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.value, b.value)}; }
  friend Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.value, b.value)}; }
  friend Vector operator/(Vector a, Vector b) { return {_mm512_div_ps(a.value, b.value)}; }

 private:
  static __mmask16 first(int64_t n) { return static_cast<__mmask16>((1U << n) - 1); }
};

}  // namespace
