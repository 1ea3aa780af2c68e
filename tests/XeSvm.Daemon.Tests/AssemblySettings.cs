using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
// The tests share the process's software backend, and the machine's two or so processors.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
