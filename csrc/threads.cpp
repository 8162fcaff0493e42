#include "threads.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace movieembed {

#ifdef _OPENMP
bool has_openmp() { return true; }
int max_threads() { return omp_get_max_threads(); }
int thread_index() { return omp_get_thread_num(); }
int resolve_threads(int n) { return n > 0 ? n : omp_get_max_threads(); }
#else
bool has_openmp() { return false; }
int max_threads() { return 1; }
int thread_index() { return 0; }
int resolve_threads(int) { return 1; }
#endif

}  // namespace movieembed
