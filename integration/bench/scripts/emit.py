emit(sum(this))
