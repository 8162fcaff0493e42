// BLAS, through the function table that SciPy shares with other extensions (scipy.linalg.cython_blas).
//
// Kernels call it from their own threads, so the library's own threading must be off meanwhile
// (python/movieembed/_base/threads.py).
#pragma once

namespace movieembed {

// The Fortran interface: column-major, everything by address.
template <class T>
using Gemm = void(char* transa, char* transb, int* m, int* n, int* k, T* alpha, T* a, int* lda, T* b, int* ldb, T* beta,
                  T* c, int* ldc);
template <class T>
using Gemv = void(char* trans, int* m, int* n, T* alpha, T* a, int* lda, T* x, int* incx, T* beta, T* y, int* incy);
template <class T>
using Syrk = void(char* uplo, char* trans, int* n, int* k, T* alpha, T* a, int* lda, T* beta, T* c, int* ldc);

template <class T>
struct Blas {
    Gemm<T>* gemm = nullptr;
    Syrk<T>* syrk = nullptr;
    Gemv<T>* gemv = nullptr;
};

// Set once, at import, before any kernel runs.
template <class T>
inline Blas<T> blas;

}  // namespace movieembed
