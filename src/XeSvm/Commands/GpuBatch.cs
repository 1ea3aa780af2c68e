using System.Runtime.InteropServices;

namespace XeSvm;

/// <summary>
/// A list of GPU commands in memory of its own. Commands are added, <see cref="End"/> closes the list, a queue runs it as often as
/// wanted. Not for use by several threads at once.
/// </summary>
/// <remarks>
/// The batch must not be changed or disposed while the GPU may still run it: wait for the point that <see cref="XeQueue.Submit(GpuBatch)"/> gave.
/// If that happens all the same, the queue is banned or the memory is read in between; the process is not at risk.
/// </remarks>
public sealed unsafe partial class GpuBatch : IDisposable
{
    /// <summary>MI_BATCH_BUFFER_END and a word that fills up to 8 bytes always have room.</summary>
    private const int ReservedWords = 2;

    private readonly XeVm _vm;
    private readonly IDisposable _memory;
    private readonly uint* _words;
    private readonly int _capacity;
    private int _count;
    private bool _ended;
    private bool _disposed;

    /// <summary>Makes a batch in a buffer object.</summary>
    internal GpuBatch(XeVm vm, SharedBuffer memory)
        : this(vm, memory, memory.Address, memory.Length)
    {
    }

    /// <summary>Makes a batch in memory of the process.</summary>
    internal GpuBatch(XeVm vm, AnonymousMemory memory)
        : this(vm, memory, memory.Address, memory.Length)
    {
    }

    private GpuBatch(XeVm vm, IDisposable memory, nint address, nuint length)
    {
        _vm = vm;
        _memory = memory;
        _words = (uint*)address;
        _capacity = (int)nuint.Min(length / sizeof(uint), int.MaxValue);
    }

    /// <summary>The address that the GPU fetches the batch from.</summary>
    public ulong GpuAddress => (ulong)_words;

    /// <summary>Size of the commands so far, in bytes.</summary>
    public int ByteCount => _count * sizeof(uint);

    /// <summary>Room for commands, in bytes; the end of the batch is not counted.</summary>
    public int ByteCapacity => (_capacity - ReservedWords) * sizeof(uint);

    /// <summary>Whether the batch can be submitted.</summary>
    public bool IsEnded => _ended;

    /// <summary>The words so far.</summary>
    /// <exception cref="ObjectDisposedException">The batch was disposed.</exception>
    public ReadOnlySpan<uint> Words
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return new ReadOnlySpan<uint>(_words, _count);
        }
    }

    /// <summary>Adds a store of 4 bytes (MI_STORE_DATA_IMM).</summary>
    /// <param name="address">Where; a multiple of 4.</param>
    /// <param name="value">What.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void StoreDword(ulong address, uint value)
    {
        RequireAlignment(address, sizeof(uint));
        Append([GpuCommand.StoreDword, (uint)address, (uint)(address >> 32), value]);
    }

    /// <summary>Adds a store of 8 bytes (MI_STORE_DATA_IMM).</summary>
    /// <param name="address">Where; a multiple of 8.</param>
    /// <param name="value">What.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void StoreQword(ulong address, ulong value)
    {
        RequireAlignment(address, sizeof(ulong));
        Append([GpuCommand.StoreQword, (uint)address, (uint)(address >> 32), (uint)value, (uint)(value >> 32)]);
    }

    /// <summary>
    /// Adds a copy (MEM_COPY), in as many commands as it takes. Needs a copy engine. The ranges must not overlap.
    /// </summary>
    /// <param name="destination">First byte of the destination.</param>
    /// <param name="source">First byte of the source.</param>
    /// <param name="length">Bytes, at least 1.</param>
    /// <exception cref="InvalidOperationException">The batch has no room for all commands, or was ended; nothing was added.</exception>
    public void Copy(ulong destination, ulong source, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong commands = (length - 1) / GpuCommand.MemCopyMaximumWidth + 1;
        RequireRoom(commands > int.MaxValue / GpuCommand.MemCopyWords ? int.MaxValue : (int)commands * GpuCommand.MemCopyWords);
        for (ulong offset = 0; offset < length; offset += GpuCommand.MemCopyMaximumWidth)
        {
            uint width = (uint)Math.Min(GpuCommand.MemCopyMaximumWidth, length - offset);
            ulong from = source + offset;
            ulong to = destination + offset;
            Append(
            [
                GpuCommand.MemCopy, width - 1, 0, width - 1, width - 1,
                (uint)from, (uint)(from >> 32), (uint)to, (uint)(to >> 32), GpuCommand.MocsFromPageTable,
            ]);
        }
    }

    /// <summary>Ends the batch (MI_BATCH_BUFFER_END) and fills it up to a multiple of 8 bytes, as the hardware wants it.</summary>
    /// <exception cref="InvalidOperationException">It was ended already.</exception>
    public void End()
    {
        RequireOpen();
        _words[_count++] = GpuCommand.BatchBufferEnd;
        if (_count % 2 != 0)
        {
            _words[_count++] = GpuCommand.Noop;
        }

        _ended = true;
    }

    /// <summary>Empties the batch for new commands.</summary>
    /// <exception cref="ObjectDisposedException">The batch was disposed.</exception>
    public void Reset()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _count = 0;
        _ended = false;
    }

    /// <summary>Releases the batch's memory.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _memory.Dispose();
        }
    }

    /// <summary>Refuses a batch that a queue of the VM cannot run.</summary>
    internal void RequireReadyFor(XeVm vm)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_ended)
        {
            throw new InvalidOperationException("The batch was not ended: call End() before submitting it.");
        }

        if (vm != _vm)
        {
            throw new ArgumentException($"The batch was made for VM {_vm.Id}, the queue runs in VM {vm.Id}.");
        }
    }

    private static void RequireAlignment(ulong address, uint alignment)
    {
        if (address % alignment != 0)
        {
            throw new ArgumentException($"The address 0x{address:x} is not a multiple of {alignment}.", nameof(address));
        }
    }

    private void Append(ReadOnlySpan<uint> words)
    {
        RequireRoom(words.Length);
        words.CopyTo(MemoryMarshal.CreateSpan(ref _words[_count], words.Length));
        _count += words.Length;
    }

    private void RequireRoom(int words)
    {
        RequireOpen();
        if (words > _capacity - ReservedWords - _count)
        {
            throw new InvalidOperationException(
                $"The batch is full: it has room for {ByteCapacity} bytes of commands, {ByteCount} are used, " +
                $"{(long)words * sizeof(uint)} more were wanted.");
        }
    }

    private void RequireOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_ended)
        {
            throw new InvalidOperationException("The batch was ended: call Reset() to write another one.");
        }
    }
}
