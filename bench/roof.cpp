// What this machine can do at most, measured: the rate of multiply-adds and of reading memory, per number of threads.
// Compiled by bench/setup.ts for the machine that it runs on. Prints one line of JSON.
#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 60;
// Shorter than a time slice: what shares the machine then spoils some rounds, and not all.
constexpr double kSeconds = 0.001;

#if defined(__AVX512F__)
using Vector = __m512;
Vector load(const float* p) { return _mm512_load_ps(p); }
Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
Vector fill(float value) { return _mm512_set1_ps(value); }
constexpr int kAccumulators = 24;
#elif defined(__AVX2__) && defined(__FMA__)
using Vector = __m256;
Vector load(const float* p) { return _mm256_load_ps(p); }
Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
Vector fill(float value) { return _mm256_set1_ps(value); }
constexpr int kAccumulators = 12;
#else
#error "the roof is measured with AVX2 or AVX-512"
#endif
constexpr int kLanes = sizeof(Vector) / sizeof(float);

// The compiler must believe that the value is used.
template <typename T>
void use(T& value) {
  asm volatile("" : "+x"(value));
}

// Calls `work` on all threads at once for a while, and returns calls per second, all threads together: the best round.
double rate(int threads, const std::function<void(int)>& work) {
  double best = 0;
  for (int round = 0; round < kRounds; round++) {
    std::atomic<int> ready{0};
    std::vector<double> rates(threads);
    const auto body = [&](int thread) {
      work(thread);
      ready++;
      while (ready < threads) std::this_thread::yield();
      int64_t calls = 0;
      const auto start = Clock::now();
      double elapsed = 0;
      do {
        work(thread);
        calls++;
        elapsed = std::chrono::duration<double>(Clock::now() - start).count();
      } while (elapsed < kSeconds);
      rates[thread] = static_cast<double>(calls) / elapsed;
    };
    std::vector<std::thread> others;
    for (int i = 1; i < threads; i++) others.emplace_back(body, i);
    body(0);
    for (auto& other : others) other.join();
    double sum = 0;
    for (const double one : rates) sum += one;
    best = std::max(best, sum);
  }
  return best;
}

// Floating-point operations per second in float32.
double multiply_adds(int threads) {
  constexpr int kTimes = 2000;
  return rate(threads, [](int) {
           Vector sums[kAccumulators];
           for (auto& sum : sums) sum = fill(0.0F);
           Vector a = fill(1.0F);
           Vector b = fill(0.5F);
           use(a);
           use(b);
           for (int i = 0; i < kTimes; i++) {
#pragma GCC unroll 24
             for (int k = 0; k < kAccumulators; k++) sums[k] = fma(a, b, sums[k]);
           }
           for (auto& sum : sums) use(sum);
         }) *
         2.0 * kTimes * kAccumulators * kLanes;
}

// The same with bfloat16 factors, or 0 where the machine has no such instruction.
double multiply_adds_bfloat16(int threads) {
#if defined(__AVX512BF16__)
  constexpr int kTimes = 2000;
  return rate(threads, [](int) {
           __m512 sums[kAccumulators];
           for (auto& sum : sums) sum = fill(0.0F);
           __m512 bits = fill(1.0F);
           use(bits);
           const auto a = reinterpret_cast<__m512bh>(bits);
           for (int i = 0; i < kTimes; i++) {
#pragma GCC unroll 24
             for (int k = 0; k < kAccumulators; k++) sums[k] = _mm512_dpbf16_ps(sums[k], a, a);
           }
           for (auto& sum : sums) use(sum);
         }) *
         2.0 * kTimes * kAccumulators * kLanes * 2;
#else
  static_cast<void>(threads);
  return 0;
#endif
}

// Bytes per second read again and again from `bytes` of each thread's own.
double reading(int threads, size_t bytes) {
  const size_t count = bytes / sizeof(float);
  std::vector<float*> blocks(threads);
  for (auto& block : blocks) {
    block = static_cast<float*>(std::aligned_alloc(4096, bytes));
    std::fill(block, block + count, 1.0F);
  }
  const double calls = rate(threads, [&](int thread) {
    const float* data = blocks[thread];
    Vector sums[8];
    for (auto& sum : sums) sum = fill(0.0F);
    for (size_t i = 0; i + 8 * kLanes <= count; i += 8 * kLanes) {
#pragma GCC unroll 8
      for (int k = 0; k < 8; k++) sums[k] = add(sums[k], load(data + i + k * kLanes));
    }
    for (auto& sum : sums) use(sum);
  });
  for (auto* block : blocks) std::free(block);
  return calls * static_cast<double>(bytes);
}

}  // namespace

// roof <threads> <bytes>…: bytes are the sizes of working sets, per thread
int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::printf(R"({"threads":%d,"lanes":%d,"flops":%.4g,"bfloat16Flops":%.4g,"reading":[)", threads, kLanes,
              multiply_adds(threads), multiply_adds_bfloat16(threads));
  for (int i = 2; i < argc; i++) {
    const size_t bytes = std::strtoull(argv[i], nullptr, 10) / 4096 * 4096;
    std::printf(R"(%s{"bytes":%zu,"rate":%.4g})", i > 2 ? "," : "", bytes, reading(threads, bytes));
  }
  std::puts("]}");
  return 0;
}
