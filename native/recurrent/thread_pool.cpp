#include "recurrent/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace rnn::recurrent {
namespace {

// Waking a thread takes as long as the arithmetic of a small layer. Therefore threads spin between the passes of a
// training step, but for no longer than that.
constexpr std::chrono::microseconds kActiveWait{100};

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ volatile("yield");
#endif
}

// Spins until `ready()`, or for `kActiveWait`.
template <typename Ready>
void wait_actively(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kActiveWait;
  while (!ready() && std::chrono::steady_clock::now() < end) pause();
}

}  // namespace

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Loop::work() {
  try {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) (*item)(i);
  } catch (...) {
    next = count;
    if (!failed.exchange(true)) error = std::current_exception();
  }
}

void ThreadPool::run(int64_t count, int64_t threads, const std::function<void(int64_t)>& item) {
  const int64_t helpers = std::min(threads, count) - 1;
  if (helpers <= 0 || used_.exchange(true)) {
    for (int64_t i = 0; i < count; i++) item(i);
    return;
  }
  Loop loop;
  loop.item = &item;
  loop.count = count;
  loop.places = helpers;
  {
    const std::lock_guard lock(mutex_);
    try {
      while (static_cast<int64_t>(threads_.size()) < helpers) threads_.emplace_back([this] { serve(); });
    } catch (const std::exception&) {
      // The system has no more threads, or no memory for them: the existing threads do the work.
    }
    loop_ = &loop;
    loops_++;
    if (asleep_ > 0) wake_.notify_all();
  }
  loop.work();
  std::unique_lock lock(mutex_);
  // Helpers that have not joined by now must not join this loop.
  loop_ = nullptr;
  lock.unlock();
  wait_actively([&] { return loop.working == 0; });
  lock.lock();
  done_.wait(lock, [&] { return loop.working == 0; });
  used_ = false;
  if (loop.error) std::rethrow_exception(loop.error);
}

void ThreadPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asleep_++;
    wake_.wait(lock, [this] { return stopping_ || (loop_ != nullptr && loop_->places > 0); });
    asleep_--;
    if (stopping_) return;
    Loop& loop = *loop_;
    loop.places--;
    loop.working++;
    lock.unlock();
    loop.work();
    lock.lock();
    const uint64_t seen = loops_;
    // The loop may be destroyed as soon as its caller sees that no helper is working on it.
    if (--loop.working == 0) done_.notify_one();
    lock.unlock();
    wait_actively([&] { return loops_ != seen; });
    lock.lock();
  }
}

}  // namespace rnn::recurrent
