#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

// Eight floats. In min and max, the argument that may be NaN must come second: it is then returned.
struct Vector {
  static constexpr int64_t kLanes = 8;
  // Registers used as accumulators, of 16; the others hold weights and an element of the input.
  static constexpr int kAccumulators = 12;
  static constexpr int kRows = 3;

  __m256 value;

  static Vector zero() { return {_mm256_setzero_ps()}; }
  static Vector all(float x) { return {_mm256_set1_ps(x)}; }
  static Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vector load(const float* p, int64_t n) { return {_mm256_maskload_ps(p, first(n))}; }
  void store(float* p) const { _mm256_storeu_ps(p, value); }
  void store(float* p, int64_t n) const { _mm256_maskstore_ps(p, first(n), value); }

  // 2ⁿ for integers n from -126 to 127.
  static Vector exp2(Vector n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.value), _mm256_set1_epi32(127));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23))};
  }
  static Vector round(Vector x) { return {_mm256_round_ps(x.value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  static Vector max(Vector a, Vector b) { return {_mm256_max_ps(a.value, b.value)}; }
  static Vector min(Vector a, Vector b) { return {_mm256_min_ps(a.value, b.value)}; }
  // a b + c, c - a b
  static Vector fma(Vector a, Vector b, Vector c) { return {_mm256_fmadd_ps(a.value, b.value, c.value)}; }
  static Vector fnma(Vector a, Vector b, Vector c) { return {_mm256_fnmadd_ps(a.value, b.value, c.value)}; }
  // y where x is not at most 0, so where it is NaN, too
  static Vector where_positive(Vector x, Vector y) {
    return {_mm256_and_ps(_mm256_cmp_ps(x.value, _mm256_setzero_ps(), _CMP_NLE_UQ), y.value)};
  }

  // The first and second numbers of bfloat16 pairs.
  static Vector first_of(Vector pairs) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs.value), 16))};
  }
  static Vector second_of(Vector pairs) {
    return {_mm256_castsi256_ps(
        _mm256_and_si256(_mm256_castps_si256(pairs.value), _mm256_set1_epi32(static_cast<int>(0xffff0000U))))};
  }

  friend Vector operator+(Vector a, Vector b) { return {_mm256_add_ps(a.value, b.value)}; }
  friend Vector operator-(Vector a, Vector b) { return {_mm256_sub_ps(a.value, b.value)}; }
  friend Vector operator*(Vector a, Vector b) { return {_mm256_mul_ps(a.value, b.value)}; }
  friend Vector operator/(Vector a, Vector b) { return {_mm256_div_ps(a.value, b.value)}; }

 private:
  static __m256i first(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace
