// Storage of the simulated board's memory: as sim/memory.v, and the host's way in and out.
// In a cycle in which "load" is high, load.hex of the working folder is read into it ($readmemh);
// in one in which "dump" is high, words "first" to "last" are written to dump.hex.
module lifarray_sim_memory #(
    parameter WIDTH = 64,
    parameter DEPTH = 1024,
    parameter PORTS = 1
) (
    input                    clk,
    input  [32*PORTS-1:0]    read_address,
    output [WIDTH*PORTS-1:0] read_data,
    input  [31:0]            write_address,
    input  [WIDTH-1:0]       write_data,
    input  [WIDTH/8-1:0]     write_enable
);
  /* verilator lint_off BLKANDNBLK */
  reg [WIDTH-1:0] storage[0:DEPTH-1];
  reg load  /* verilator public_flat_rw */;
  reg dump  /* verilator public_flat_rw */;
  reg [31:0] first  /* verilator public_flat_rw */;
  reg [31:0] last  /* verilator public_flat_rw */;
  integer i;

  initial begin
    load = 0;
    dump = 0;
    first = 0;
    last = 0;
    // Not zeros: who reads what nobody wrote shall notice.
    for (i = 0; i < DEPTH; i = i + 1) storage[i] = {WIDTH / 32{32'hDEADBEEF}};
  end

  localparam BITS = $clog2(DEPTH);
  genvar port;
  generate
    for (port = 0; port < PORTS; port = port + 1)
      assign read_data[WIDTH*port+:WIDTH] = storage[read_address[32*port+:BITS]];
  endgenerate

  always @(posedge clk) begin
    if (load) $readmemh("load.hex", storage);
    if (dump) $writememh("dump.hex", storage, first, last);
    for (i = 0; i < WIDTH / 8; i = i + 1)
      if (write_enable[i]) storage[write_address[BITS-1:0]][8*i+:8] <= write_data[8*i+:8];
  end
endmodule
