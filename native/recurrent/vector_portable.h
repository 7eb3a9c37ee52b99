#pragma once
#include <cstdint>
#include <cstring>

namespace {

// Four floats in plain C++, which compilers turn into SSE or NEON. In min and max, the argument that may be NaN must
// come second: it is then returned.
struct Vector {
  static constexpr int64_t kLanes = 4;
  static constexpr int kAccumulators = 12;
  static constexpr int kRows = 3;

  float value[kLanes];

  static Vector zero() { return all(0); }
  static Vector all(float x) { return {{x, x, x, x}}; }
  static Vector load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Vector load(const float* p, int64_t n) {
    Vector loaded = zero();
    for (int64_t i = 0; i < n; i++) loaded.value[i] = p[i];
    return loaded;
  }
  void store(float* p) const {
    for (int64_t i = 0; i < kLanes; i++) p[i] = value[i];
  }
  void store(float* p, int64_t n) const {
    for (int64_t i = 0; i < n; i++) p[i] = value[i];
  }

  // 2ⁿ for integers n from -126 to 127.
  static Vector exp2(Vector n) {
    return map(
        [](float x) {
          // NaN cannot be converted to an integer; the other factor is NaN anyway.
          return from_bits(x == x ? static_cast<uint32_t>(static_cast<int32_t>(x) + 127) << 23 : 0);
        },
        n);
  }
  static Vector round(Vector x) {
    // Adding and subtracting 1.5 · 2²³ leaves no bits for a fraction; |x| is below 2²².
    constexpr float kShift = 12582912.0F;
    return map([](float a) { return (a + kShift) - kShift; }, x);
  }
  static Vector max(Vector a, Vector b) {
    return map([](float x, float y) { return x > y ? x : y; }, a, b);
  }
  static Vector min(Vector a, Vector b) {
    return map([](float x, float y) { return x < y ? x : y; }, a, b);
  }
  // a b + c, c - a b
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
  static Vector fnma(Vector a, Vector b, Vector c) { return c - a * b; }
  // y where x is not at most 0, so where it is NaN, too
  static Vector where_positive(Vector x, Vector y) {
    return map([](float a, float b) { return a <= 0 ? 0.0F : b; }, x, y);
  }

  // The first and second numbers of bfloat16 pairs.
  static Vector first_of(Vector pairs) {
    return map([](float x) { return from_bits(bits(x) << 16); }, pairs);
  }
  static Vector second_of(Vector pairs) {
    return map([](float x) { return from_bits(bits(x) & 0xffff0000U); }, pairs);
  }

  friend Vector operator+(Vector a, Vector b) {
    return map([](float x, float y) { return x + y; }, a, b);
  }
  friend Vector operator-(Vector a, Vector b) {
    return map([](float x, float y) { return x - y; }, a, b);
  }
  friend Vector operator*(Vector a, Vector b) {
    return map([](float x, float y) { return x * y; }, a, b);
  }
  friend Vector operator/(Vector a, Vector b) {
    return map([](float x, float y) { return x / y; }, a, b);
  }

 private:
  static uint32_t bits(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof(bits));
    return bits;
  }
  static float from_bits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    return x;
  }

  template <typename Function, typename... Vectors>
  static Vector map(Function function, Vectors... vectors) {
    Vector result;
    for (int64_t i = 0; i < kLanes; i++) result.value[i] = function(vectors.value[i]...);
    return result;
  }
};

}  // namespace
