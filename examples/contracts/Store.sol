// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A registry of applications for sale. Whoever lists one is paid for it and may refund.
contract Store {
    struct Listing {
        address payable seller;
        uint256 price;
        bool listed;
    }

    mapping(bytes32 => Listing) public listings;
    mapping(uint256 => address) public buyers;
    mapping(uint256 => uint256) public paid;
    mapping(uint256 => bytes32) public bought;
    uint256 public purchases;

    event Listed(bytes32 indexed app, address indexed seller, uint256 price, string name);
    event Purchased(uint256 indexed purchase, bytes32 indexed app, address indexed buyer, uint256 price, bytes32 emailHash);
    event Refunded(uint256 indexed purchase, bytes32 indexed app, address indexed buyer, uint256 price);

    /// An application is its seller's: another one may not change it.
    function list(bytes32 app, uint256 price, string calldata name) external {
        require(listings[app].seller == address(0) || listings[app].seller == msg.sender, "of another seller");
        listings[app] = Listing(payable(msg.sender), price, true);
        emit Listed(app, msg.sender, price, name);
    }

    /// `emailHash` is the SHA-256 of the buyer's address, who gives the address itself to the shop's web
    /// page: it does not belong on a chain.
    function buy(bytes32 app, bytes32 emailHash) external payable returns (uint256 purchase) {
        Listing storage listing = listings[app];
        require(listing.listed, "not listed");
        require(msg.value == listing.price, "pay the price");
        purchase = ++purchases;
        buyers[purchase] = msg.sender;
        paid[purchase] = msg.value;
        bought[purchase] = app;
        emit Purchased(purchase, app, msg.sender, msg.value, emailHash);
        (bool sent, ) = listing.seller.call{value: msg.value}("");
        require(sent, "the seller takes no money");
    }

    /// The seller gives the money back, once.
    function refund(uint256 purchase) external payable {
        require(listings[bought[purchase]].seller == msg.sender, "not the seller");
        uint256 price = paid[purchase];
        require(price > 0 && msg.value == price, "give back the price");
        paid[purchase] = 0;
        emit Refunded(purchase, bought[purchase], buyers[purchase], price);
        (bool sent, ) = payable(buyers[purchase]).call{value: price}("");
        require(sent, "the buyer takes no money");
    }
}
