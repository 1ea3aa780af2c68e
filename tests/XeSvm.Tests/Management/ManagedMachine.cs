using XeSvm.Interop;
using XeSvm.Management;
using XeSvm.Simulation;
using XeSvm.Statistics;

namespace XeSvm.Tests.Management;

/// <summary>A software device with a manager and a queue in the manager's VM.</summary>
internal sealed class ManagedMachine : IDisposable
{
    internal static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    internal ManagedMachine(SvmManagerOptions? options = null, ulong vramBytes = 64 << 20, FaultPlan? faults = null, string device = "bmg")
    {
        Backend = new SoftwareBackend(new SoftwareBackendOptions
        {
            Device = device,
            VramBytes = vramBytes,
            Faults = faults ?? FaultPlan.None,
        });
        Device = XeDevice.Open(Backend, Backend.Enumerate()[0]);
        Manager = new SvmManager(Device, options ?? new SvmManagerOptions { BlockBytes = 2 << 20 });
        Queue = Manager.Vm.CreateQueue(Device.FindEngine(XeEngineClass.Copy));
        Batch = Manager.Vm.CreateBatch(4096);
    }

    internal SoftwareBackend Backend { get; }

    internal XeDevice Device { get; }

    internal SvmManager Manager { get; }

    internal XeQueue Queue { get; }

    internal GpuBatch Batch { get; }

    /// <summary>Has the GPU store a value.</summary>
    internal XeResult TryStore(ulong address, uint value)
    {
        Batch.Reset();
        Batch.StoreDword(address, value);
        Batch.End();
        XeResult result = Queue.TrySubmit(Batch, out XeFencePoint point);
        return result.IsSuccess ? point.TryWait(Timeout) : result;
    }

    /// <summary>Counts GPU faults while something runs.</summary>
    internal ulong FaultsOf(Action action)
    {
        GtStatistics before = Device.ReadGtStatistics();
        action();
        CounterDelta delta = GtStatisticsDelta.Between(before, Device.ReadGtStatistics()).Counters;
        Assert.True(delta.TryGet("svm_pagefault_count", out ulong faults));
        return faults;
    }

    public void Dispose()
    {
        Batch.Dispose();
        Queue.Dispose();
        Manager.Dispose();
        Device.Dispose();
        Backend.Dispose();
    }
}
