using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;

namespace XeSvm.Interop.Tests.Native;

/// <summary>One page to VRAM and back through the bindings; how the pump behaves is tested in C.</summary>
public sealed unsafe class PumpTests
{
    private static readonly nuint _page = Xesvm.XESVM_PAGE_SIZE;

    [SkippableFact]
    public void A_page_goes_to_vram_and_a_cpu_touch_brings_it_home()
    {
        xesvm_pump* pump;
        xesvm_pump_info info;
        int result = NativeMethods.xesvm_pump_create(0, &pump, &info);
        Skip.If(
            result is -Errno.EPERM or -Errno.ENOSYS or -Errno.EOPNOTSUPP,
            $"The kernel gives this process no userfaultfd with UFFDIO_MOVE: {Errno.Describe(result)}.");
        Assert.Equal(0, result);
        Assert.Contains(info.mode, (uint[])[Xesvm.XESVM_PUMP_MODE_FULL, Xesvm.XESVM_PUMP_MODE_USER]);

        Assert.Equal(0, SystemCalls.MapAnonymous(2 * _page, MemoryProtection.ReadWrite, Xesvm.XESVM_BLOCK_SIZE, out nint memory));

        // VRAM is shared memory: the pump takes nothing that could itself be migrated.
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test-vram", out FileDescriptorHandle? file));
        Assert.Equal(0, SystemCalls.SetLength(file!, 2 * _page));
        Assert.Equal(0, SystemCalls.MapShared(file!, 0, 2 * _page, MemoryProtection.ReadWrite, 0, out nint vram));
        file!.Dispose();
        ulong va = (ulong)memory;
        *(ulong*)va = 42;

        xesvm_isolation isolation;
        Assert.Equal(0, NativeMethods.xesvm_pump_isolate(pump, va, 2, &isolation));
        Assert.NotEqual(0u, isolation.id);
        Assert.Equal(0b01u, isolation.present[0]);
        new Span<byte>((void*)isolation.staging, (int)_page).CopyTo(new Span<byte>((void*)vram, (int)_page));

        const ulong Allocation = 0x1234;
        Assert.Equal(0, NativeMethods.xesvm_pump_commit(pump, isolation.id, (ulong)vram, Allocation));
        byte* states = stackalloc byte[2];
        Assert.Equal(0, NativeMethods.xesvm_pump_query(pump, va, 2, states));
        Assert.Equal((Xesvm.XESVM_PAGE_DEVICE, Xesvm.XESVM_PAGE_DEVICE), (states[0], states[1]));

        ulong old;
        Assert.Equal(0, NativeMethods.xesvm_pump_device_add(pump, va, (ulong)vram, 1, sizeof(ulong), &old));
        Assert.Equal(42u, old);
        Assert.Equal(-Errno.EAGAIN, NativeMethods.xesvm_pump_device_add(pump, va, (ulong)vram + _page, 1, sizeof(ulong), &old));

        Assert.Equal(43u, *(ulong*)va);
        Assert.Equal(1, NativeMethods.xesvm_pump_wait(pump, -1));
        xesvm_pump_event* events = stackalloc xesvm_pump_event[4];
        Assert.Equal(1, NativeMethods.xesvm_pump_take_events(pump, events, 4));
        Assert.Equal((Xesvm.XESVM_EVENT_HOME, va, Allocation), (events->type, events->address, events->allocation));
        Assert.InRange(events->end_ns, events->begin_ns, (ulong)NativeMethods.xesvm_clock_monotonic_ns());

        xesvm_pump_counters counters;
        Assert.Equal(0, NativeMethods.xesvm_pump_read_counters(pump, &counters));
        Assert.Equal((1ul, 1ul, 2ul), (counters.isolations, counters.commits, counters.pages_committed));
        Assert.Equal(0, NativeMethods.xesvm_pump_destroy(pump));
        Assert.Equal(0, SystemCalls.Unmap(memory, 2 * _page));
        Assert.Equal(0, SystemCalls.Unmap(vram, 2 * _page));
    }
}
