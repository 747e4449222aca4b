// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// An ERC-20 token with what the tests need beside it.
contract Token {
    string public constant name = "Test dollar";
    string public constant symbol = "TUSD";
    uint8 public constant decimals = 6;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    struct Note {
        uint256 number;
        string text;
        address[] readers;
    }

    error Short(uint256 has, uint256 needs);

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event Noted(string indexed topic, Note note, int64[2] pair, bytes4 tag);

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (balanceOf[msg.sender] < value) revert Short(balanceOf[msg.sender], value);
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    /// Many transfers in one transaction; each of another value, from `first` on.
    function scatter(address to, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            emit Transfer(msg.sender, to, first + i);
        }
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function note(string calldata topic, Note calldata given, int64[2] calldata pair) external {
        emit Noted(topic, given, pair, 0xdeadbeef);
    }

    function echo(Note calldata given, int64 number) external pure returns (Note memory, int64 twice) {
        return (given, number * 2);
    }

    function refuse(bool because) external pure {
        require(because, "as it was asked to");
    }
}
