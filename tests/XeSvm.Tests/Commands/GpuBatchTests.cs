using CsCheck;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Commands;

public sealed class GpuBatchTests : IDisposable
{
    private readonly XeDevice _device;
    private readonly XeVm _vm;
    private readonly GpuBatch _batch;

    public GpuBatchTests()
    {
        ScriptedBackend backend = new();
        _device = XeDevice.Open(backend, backend.Nodes[0]);
        _vm = _device.CreateMirrorVm();
        _batch = _vm.CreateBatch(4096);
    }

    [Fact]
    public void A_store_of_4_bytes_is_encoded_as_the_hardware_reads_it()
    {
        _batch.StoreDword(0x0000_7fab_1234_5678, 0xdeadbeef);

        Assert.Equal([0x1000_0002u, 0x1234_5678u, 0x7fabu, 0xdeadbeefu], _batch.Words);
    }

    [Fact]
    public void A_store_of_8_bytes_has_bit_21_and_one_word_more()
    {
        _batch.StoreQword(0x0000_7fab_1234_5678, 0x1122_3344_5566_7788);

        Assert.Equal([0x1020_0003u, 0x1234_5678u, 0x7fabu, 0x5566_7788u, 0x1122_3344u], _batch.Words);
    }

    [Fact]
    public void A_copy_is_a_linear_byte_copy_with_width_less_one()
    {
        _batch.Copy(0x0000_7fab_0000_1000, 0x0000_7fcd_0000_2000, 100);

        Assert.Equal([0x5680_0008u, 99u, 0u, 99u, 99u, 0x2000u, 0x7fcdu, 0x1000u, 0x7fabu, 0u], _batch.Words);
    }

    [Fact]
    public void A_large_copy_is_split_without_gap_or_overlap() =>
        Gen.Select(Gen.ULong[1, 300_000], Gen.ULong[0, 1UL << 47], Gen.ULong[0, 1UL << 47]).Sample((length, destination, source) =>
        {
            using GpuBatch batch = _vm.CreateBatchInProcessMemory(4096);
            batch.Copy(destination, source, length);

            ulong done = 0;
            for (int word = 0; word < batch.Words.Length; word += 10)
            {
                ReadOnlySpan<uint> command = batch.Words.Slice(word, 10);
                Assert.Equal(0x5680_0008u, command[0]);
                Assert.InRange(command[1], 0u, 0xfffeu);
                Assert.Equal(source + done, command[5] | ((ulong)command[6] << 32));
                Assert.Equal(destination + done, command[7] | ((ulong)command[8] << 32));
                done += command[1] + 1UL;
            }

            Assert.Equal(length, done);
        });

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 6)]
    [InlineData(2, 10)]
    public void The_end_fills_up_to_8_bytes(int stores, int words)
    {
        for (int i = 0; i < stores; i++)
        {
            _batch.StoreDword(0x1000, 1);
        }

        _batch.End();

        Assert.Equal(words, _batch.Words.Length);
        Assert.Equal(0x0500_0000u, _batch.Words[stores * 4]);
    }

    [Fact]
    public void A_full_batch_refuses_more_keeps_what_it_has_and_can_still_be_ended()
    {
        int stores = 0;
        while (_batch.ByteCapacity - _batch.ByteCount >= 16)
        {
            _batch.StoreDword(0x1000, 1);
            stores++;
        }

        int before = _batch.ByteCount;
        InvalidOperationException exception = Assert.Throws<InvalidOperationException>(() => _batch.StoreDword(0x1000, 1));
        Assert.Throws<InvalidOperationException>(() => _batch.Copy(0, 0, ulong.MaxValue));
        Assert.Equal(before, _batch.ByteCount);
        _batch.End();

        Assert.Equal(255, stores);
        Assert.Contains("16 more were wanted", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Misaligned_stores_and_empty_copies_are_refused()
    {
        Assert.Throws<ArgumentException>(() => _batch.StoreDword(0x1002, 1));
        Assert.Throws<ArgumentException>(() => _batch.StoreQword(0x1004, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _batch.Copy(0, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.CreateBatch(0));
        Assert.Equal(0, _batch.ByteCount);
    }

    [Fact]
    public void An_ended_batch_takes_commands_only_after_a_reset()
    {
        _batch.End();
        Assert.Throws<InvalidOperationException>(() => _batch.StoreDword(0, 1));
        Assert.Throws<InvalidOperationException>(_batch.End);
        _batch.Reset();
        _batch.StoreDword(0, 1);

        Assert.False(_batch.IsEnded);
        Assert.Equal(16, _batch.ByteCount);
    }

    [Fact]
    public void A_disposed_batch_refuses_everything()
    {
        _batch.Dispose();

        Assert.Throws<ObjectDisposedException>(() => _batch.StoreDword(0, 1));
        Assert.Throws<ObjectDisposedException>(() => _batch.Words.Length);
        Assert.Throws<ObjectDisposedException>(_batch.Reset);
    }

    public void Dispose()
    {
        _batch.Dispose();
        _vm.Dispose();
        _device.Dispose();
    }
}
