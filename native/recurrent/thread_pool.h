#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rnn::recurrent {

// Threads that share out the items of a loop with the caller, who takes whatever no other has taken yet: a thread that
// the system does not run in time costs at most the item that it holds. OpenMP's even shares and barriers do not have
// that, and LibTorch's own copy of it must not be joined by a second one.
class ThreadPool {
 public:
  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs `item(i)` once for each i below `count`, on up to `threads` threads, and returns when all are done. Throws
  // what an item threw first; those that had not begun then are left out. While another caller uses the pool, all items
  // run on this thread.
  void run(int64_t count, int64_t threads, const std::function<void(int64_t)>& item);

 private:
  struct Loop {
    const std::function<void(int64_t)>* item = nullptr;
    int64_t count = 0;
    std::atomic<int64_t> next = 0;
    // Threads of the pool that may still take part, and those that do.
    int64_t places = 0;
    std::atomic<int64_t> working = 0;
    std::atomic<bool> failed = false;
    std::exception_ptr error;

    void work();
  };

  void serve();

  std::atomic<bool> used_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Loop* loop_ = nullptr;
  bool stopping_ = false;
  // How many loops there have been, for threads that look out for the next one without the mutex.
  std::atomic<uint64_t> loops_ = 0;
  int64_t asleep_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace rnn::recurrent
