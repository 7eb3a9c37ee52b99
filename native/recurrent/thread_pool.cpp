#include "recurrent/thread_pool.h"

#include <algorithm>
#include <system_error>

namespace rnn {

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
    } catch (const std::system_error&) {
      // The system gives no more threads: those that there are do the work.
    }
    loop_ = &loop;
  }
  wake_.notify_all();
  loop.work();
  std::unique_lock lock(mutex_);
  // Who has not come yet need not come any more.
  loop_ = nullptr;
  done_.wait(lock, [&] { return loop.working == 0; });
  used_ = false;
  if (loop.error) std::rethrow_exception(loop.error);
}

void ThreadPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || (loop_ != nullptr && loop_->places > 0); });
    if (stopping_) return;
    Loop& loop = *loop_;
    loop.places--;
    loop.working++;
    lock.unlock();
    loop.work();
    lock.lock();
    if (--loop.working == 0) done_.notify_one();
  }
}

}  // namespace rnn
