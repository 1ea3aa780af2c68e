// The runs share the process's environment and the software backend's CPU-fault pump.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
