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

// A thread pool that distributes the items of a loop between its threads and the caller, each taking the next free
// item: a thread that the system does not schedule in time delays at most the item it holds. OpenMP's equal shares and
// barriers do not have this property, and a second copy of OpenMP must not be loaded beside LibTorch's.
class ThreadPool {
 public:
  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs `item(i)` once for each i below `count`, on up to `threads` threads, and returns when all are done. Rethrows
  // the first exception of an item; items that have not started by then are skipped. While another caller uses the
  // pool, all items run on this thread.
  void run(int64_t count, int64_t threads, const std::function<void(int64_t)>& item);

 private:
  struct Loop {
    const std::function<void(int64_t)>* item = nullptr;
    int64_t count = 0;
    std::atomic<int64_t> next = 0;
    // The number of pool threads that may still join, and of those working on it.
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
  // The number of loops so far, for threads that poll for the next one without the mutex.
  std::atomic<uint64_t> loops_ = 0;
  int64_t asleep_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace rnn::recurrent
