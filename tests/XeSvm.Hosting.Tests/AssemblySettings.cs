// The tests share the process's software backend and its CPU-fault pump.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
