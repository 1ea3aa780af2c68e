using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Memory;

/// <summary>
/// The rule that nothing managed is needed to resolve a CPU fault. A read(2) of a timer into a device page makes the fault come by itself at
/// a time when every managed thread is stopped by a garbage collection, and a thread that does nothing but look at the clock bears witness.
/// </summary>
[Collection(Driver.DriverConcurrencyCollection.Name)]
public sealed unsafe class GarbageCollectionTests(ITestOutputHelper output)
{
    private const int ClockMonotonic = 1;
    private const int Pages = 512;
    private const long DelayNanoseconds = 400_000_000;
    private const long LimitNanoseconds = 3_000_000_000;

    /// <summary>A thread may be late for its part on a busy machine: then the round has shown nothing.</summary>
    private const int Rounds = 25;

    /// <summary>Functions by address: with SuppressGCTransition a call keeps its thread in cooperative mode, as a touch of memory by managed code does.</summary>
    private static readonly nint s_libC = NativeLibrary.Load("libc.so.6");
    private static readonly delegate* unmanaged<int, int, int> s_timerCreate =
        (delegate* unmanaged<int, int, int>)NativeLibrary.GetExport(s_libC, "timerfd_create");
    private static readonly delegate* unmanaged<int, int, long*, long*, int> s_timerSet =
        (delegate* unmanaged<int, int, long*, long*, int>)NativeLibrary.GetExport(s_libC, "timerfd_settime");
    private static readonly delegate* unmanaged<int, void*, nint, nint> s_read =
        (delegate* unmanaged<int, void*, nint, nint>)NativeLibrary.GetExport(s_libC, "read");
    private static readonly delegate* unmanaged[SuppressGCTransition]<int, void*, nint, nint> s_readCooperatively =
        (delegate* unmanaged[SuppressGCTransition]<int, void*, nint, nint>)NativeLibrary.GetExport(s_libC, "read");
    private static readonly delegate* unmanaged<int, int> s_close = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(s_libC, "close");

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_CPU_fault_during_a_garbage_collection_is_resolved_while_no_managed_code_runs(bool cooperative)
    {
        xesvm_pump* pump;
        xesvm_pump_info info;
        int created = NativeMethods.xesvm_pump_create(0, &pump, &info);
        Skip.If(created < 0, $"There is no userfaultfd here: {Errno.Describe(created)}.");
        try
        {
            Skip.If(info.mode != Xesvm.XESVM_PUMP_MODE_FULL, "Faults of system calls are resolved in the full mode only.");
            int round = 0;
            while (!RunRound(pump, cooperative))
            {
                Assert.True(++round < Rounds, "No CPU fault was resolved while a garbage collection held all managed threads.");
            }
        }
        finally
        {
            Assert.Equal(0, NativeMethods.xesvm_pump_destroy(pump));
        }
    }

    /// <summary>Whether the fault was resolved within a collection, and between two looks of the witness at the clock.</summary>
    private bool RunRound(xesvm_pump* pump, bool cooperative)
    {
        nuint bytes = Pages * 4096;
        Assert.Equal(0, SystemCalls.MapAnonymous(bytes, MemoryProtection.ReadWrite, bytes, out nint memory));
        ulong vram;
        Assert.Equal(0, NativeMethods.xesvm_mmap(0, bytes, 3, 0x21 /* MAP_SHARED | MAP_ANONYMOUS */, -1, 0, &vram));
        new Span<byte>((void*)memory, (int)bytes).Fill(0x5a);
        Migrate(pump, (ulong)memory, vram);

        int timer = s_timerCreate(ClockMonotonic, 0);
        Assert.True(timer >= 0);
        long collectionBegan = 0;
        long collectionEnded = 0;
        nint read = 0;
        int held = 0;
        using var ready = new CountdownEvent(3);
        using var witness = new ClockWitness(ready);

        // In cooperative mode the reader itself keeps the collection from going on; else another thread does, which waits for the pump's event.
        var reader = new Thread(() =>
        {
            ready.Signal();
            read = cooperative ? s_readCooperatively(timer, (void*)(memory + 8), 8) : s_read(timer, (void*)(memory + 8), 8);
        });
        var holder = new Thread(() =>
        {
            ready.Signal();
            held = cooperative ? 1 : WaitCooperatively(pump);
        });

        // Armed before any thread is in cooperative mode for good: a thread that starts, or comes back from native code, may wait for a
        // collection, and a collection for the reader, whom only the timer sets free.
        long* time = stackalloc long[4] { 0, 0, 0, DelayNanoseconds };
        long armed = NativeMethods.xesvm_clock_monotonic_ns();
        Assert.Equal(0, s_timerSet(timer, 0, time, null));
        reader.Start();
        holder.Start();
        ready.Wait();

        // The first collections may still find the other threads on their way to their calls; one of them does not end before the fault.
        do
        {
            collectionBegan = NativeMethods.xesvm_clock_monotonic_ns();
            GC.Collect();
            collectionEnded = NativeMethods.xesvm_clock_monotonic_ns();
        }
        while (collectionEnded < armed + DelayNanoseconds);
        reader.Join();
        holder.Join();
        witness.Stop();

        xesvm_pump_event home = TakeHome(pump);
        output.WriteLine(
            $"fault {home.begin_ns - (ulong)armed} to {home.end_ns - (ulong)armed} ns after the timer was set; the collection "
            + $"{collectionBegan - armed} to {collectionEnded - armed} ns; the holder got {held}");
        Assert.Equal(8, read);
        Assert.Equal(1ul, *(ulong*)(memory + 8));
        Assert.True(new ReadOnlySpan<byte>((void*)(memory + 16), (int)bytes - 16).IndexOfAnyExcept((byte)0x5a) < 0);
        _ = s_close(timer);
        Assert.Equal(0, SystemCalls.Unmap(memory, bytes));
        Assert.Equal(0, NativeMethods.xesvm_munmap(vram, bytes));
        return held == 1 && (long)home.begin_ns > collectionBegan && (long)home.end_ns < collectionEnded
            && witness.SawNothingBetween((long)home.begin_ns, (long)home.end_ns);
    }

    private static void Migrate(xesvm_pump* pump, ulong memory, ulong vram)
    {
        xesvm_isolation isolation;
        Assert.Equal(0, NativeMethods.xesvm_pump_isolate(pump, memory, Pages, &isolation));
        Buffer.MemoryCopy((void*)isolation.staging, (void*)vram, Pages * 4096, Pages * 4096);
        Assert.Equal(0, NativeMethods.xesvm_pump_commit(pump, isolation.id, vram, 1));
        byte present;
        Assert.Equal(0, SystemCalls.FindResident((nint)memory, 4096, &present));
        Assert.Equal(0, present & 1);
    }

    private static int WaitCooperatively(xesvm_pump* pump)
    {
        nint library = NativeLibrary.Load("libxesvm_native.so", typeof(NativeMethods).Assembly, null);
        var wait = (delegate* unmanaged[SuppressGCTransition]<xesvm_pump*, long, int>)NativeLibrary.GetExport(library, "xesvm_pump_wait");
        return wait(pump, LimitNanoseconds);
    }

    private static xesvm_pump_event TakeHome(xesvm_pump* pump)
    {
        xesvm_pump_event e;
        do
        {
            Assert.Equal(1, NativeMethods.xesvm_pump_take_events(pump, &e, 1));
        }
        while (e.type != Xesvm.XESVM_EVENT_HOME);
        return e;
    }

    /// <summary>A thread that looks at the clock all the time, and remembers when it could not.</summary>
    private sealed class ClockWitness : IDisposable
    {
        private const long LongNanoseconds = 1_000_000;

        private readonly (long Begin, long End)[] _gaps = new (long, long)[1024];
        private readonly Thread _thread;
        private readonly CountdownEvent _ready;
        private int _count;
        private volatile bool _stop;

        public ClockWitness(CountdownEvent ready)
        {
            _ready = ready;
            _thread = new Thread(Watch);
            _thread.Start();
        }

        public bool SawNothingBetween(long begin, long end) =>
            Array.Exists(_gaps, gap => gap.Begin < begin && end < gap.End);

        public void Stop()
        {
            _stop = true;
            _thread.Join();
        }

        public void Dispose() => Stop();

        private void Watch()
        {
            long last = NativeMethods.xesvm_clock_monotonic_ns();
            _ready.Signal();
            while (!_stop)
            {
                long now = NativeMethods.xesvm_clock_monotonic_ns();
                if (now - last > LongNanoseconds && _count < _gaps.Length)
                {
                    _gaps[_count++] = (last, now);
                }

                last = now;
            }
        }
    }
}
