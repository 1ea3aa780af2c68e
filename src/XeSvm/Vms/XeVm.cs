using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm;

/// <summary>
/// A GPU address space. A mirror VM has the process's addresses: any memory of the process can be used by the GPU at the address that the
/// CPU knows.
/// </summary>
public sealed partial class XeVm : IDisposable
{
    /// <summary>A bind that takes longer than this has met a hang; the longest legitimate ones prefetch many gigabytes.</summary>
    private static readonly TimeSpan s_bindTimeout = TimeSpan.FromSeconds(60);

    private readonly VmHandle _handle;
    private readonly XeBindOptions _mirrorOptions;
    private readonly Lock _lock = new();
    private ulong _bindValue;

    private XeVm(XeDevice device, VmHandle handle, XeVmOptions options)
    {
        _handle = handle;
        _mirrorOptions = MirrorOptionsOf(options);
        Device = device;
        Options = options;
    }

    /// <summary>The device that the VM is on.</summary>
    public XeDevice Device { get; }

    /// <summary>What was asked for when the VM was made.</summary>
    public XeVmOptions Options { get; }

    /// <summary>The kernel's id; not 0.</summary>
    public uint Id => _handle.Id;

    /// <summary>How the VM keeps work and moving memory apart.</summary>
    public XeVmMode Mode => Options.Mode;

    /// <summary>Whether the VM mirrors the process's addresses.</summary>
    public bool IsMirror => Options.Mirror;

    /// <summary>Size of the address space in bytes: addresses from 0 to below it.</summary>
    public ulong AddressSpaceSize => 1UL << Device.Configuration.VirtualAddressBits;

    /// <summary>Allocates memory for CPU and GPU.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">Number of elements, at least 1.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public SvmBuffer<T> Allocate<T>(nuint length)
        where T : unmanaged
    {
        RequireMirror("Memory of the process");
        return new SvmBuffer<T>(this, length);
    }

    /// <summary>Memory that the process has already, such as a mapping of its own, as a range that can be advised and prefetched.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    public SvmRange Mirror(nint address, nuint length)
    {
        RequireMirror("Memory of the process");
        ArgumentOutOfRangeException.ThrowIfZero(length);
        return new SvmRange(this, new GpuRange((ulong)address, length));
    }

    /// <summary>
    /// Memory that the process has already, as a range that can be advised and prefetched. The memory must not move: native or pinned memory.
    /// </summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="memory">The memory.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    public unsafe SvmRange Mirror<T>(ReadOnlySpan<T> memory)
        where T : unmanaged
    {
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));
        return Mirror(address, (nuint)memory.Length * (nuint)sizeof(T));
    }

    /// <summary>Makes a queue on an engine.</summary>
    /// <param name="engine">One of the device's engines.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeQueue CreateQueue(XeEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        return CreateQueue(new XeQueueOptions { Engines = [engine] });
    }

    /// <summary>Makes a queue.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeQueue CreateQueue(XeQueueOptions options)
    {
        XeResult result = TryCreateQueue(options, out XeQueue? queue);
        if (queue is null)
        {
            ThrowHelper.Throw(result, XeOperation.QueueCreate, $"{XeQueueCreation.Describe(options)} in VM {Id}");
        }

        return queue;
    }

    /// <summary>Makes a queue, or says why not.</summary>
    /// <param name="options">What it shall be like.</param>
    /// <param name="queue">The queue when the result is success.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="XeException">There is no memory for the queue's fence.</exception>
    public XeResult TryCreateQueue(XeQueueOptions options, out XeQueue? queue)
    {
        ArgumentNullException.ThrowIfNull(options);
        return XeQueue.TryCreate(this, options, out queue);
    }

    /// <summary>Makes an empty batch in a buffer object that CPU and GPU see at one address; fetching it never faults.</summary>
    /// <param name="capacity">Room for commands, in bytes; rounded up to pages.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public GpuBatch CreateBatch(nuint capacity) => new(this, SharedBuffer.Create(this, capacity));

    /// <summary>Makes an empty batch in memory of the process: the GPU fetches it by page faults.</summary>
    /// <param name="capacity">Room for commands, in bytes; rounded up to pages.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public GpuBatch CreateBatchInProcessMemory(nuint capacity)
    {
        ArgumentOutOfRangeException.ThrowIfZero(capacity);
        RequireMirror("A batch in memory of the process");
        return new GpuBatch(this, AnonymousMemory.Map(capacity));
    }

    /// <summary>
    /// Destroys the VM. Queues on it are stopped by that and still have to be disposed; a long-running VM goes with its last queue.
    /// </summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>The open file; children take references of their own.</summary>
    internal DeviceFile File
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
            return _handle.File;
        }
    }

    /// <summary>Keeps the VM for a request.</summary>
    internal HandleUse Borrow() => _handle.Borrow(this);

    /// <summary>Keeps the VM for a request of the same file.</summary>
    internal HandleUse Borrow(DeviceFile file) => ReferenceEquals(file, _handle.File)
        ? _handle.Borrow(this)
        : throw new ArgumentException($"VM {Id} belongs to another open device.");

    /// <summary>
    /// The VM's handle, borrowed for as long as a queue lives where VM_DESTROY must not come before the queue's end; else <see langword="null"/>.
    /// </summary>
    internal VmHandle? BorrowForQueue()
    {
        if (Mode != XeVmMode.LongRunning)
        {
            return null;
        }

        ObjectDisposedException.ThrowIf(!_handle.TryBorrow(), this);
        return _handle;
    }

    private void RequireMirror(string what)
    {
        if (!IsMirror)
        {
            throw new InvalidOperationException($"{what} needs a mirror VM: make it with XeDevice.CreateMirrorVm().");
        }
    }
}
